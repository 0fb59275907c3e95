package exfil_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
)

// Addresses of IPv6 hosts are found to their end, although brackets end words elsewhere, and data behind "#" counts as that behind "?" does.
func TestLiteralsAndFragments(t *testing.T) {
	h := hosts(t)
	for text, rule := range map[string]string{
		"![x]({https://[2001:db8::1]/a.png})":                                     exfil.RuleImage,
		"![x]({https://u@[2001:db8::1]:8443/a.png})":                              exfil.RuleImage,
		"![x]({//[2001:db8::1]/a.png})":                                           exfil.RuleImage,
		"![x]({https:\\\\[2001:db8::1]/a.png})":                                   exfil.RuleImage,
		"<img src={https://[::ffff:192.0.2.1]/a.png}>":                            exfil.RuleImage,
		"[a]({https://[2001:db8::1]/?d=aGVsbG8gd29ybGQgaGVsbG8})":                 exfil.RuleLink,
		"[a]({https://evil.example/#" + strings.Repeat("aGVsbG8gd29y", 14) + "})": exfil.RuleLink,
	} {
		plain := strings.NewReplacer("{", "", "}", "").Replace(text)
		from, to := strings.Index(text, "{"), strings.Index(text, "}")-1
		if ms := find(h, plain); len(ms) != 1 || ms[0].Rule != rule || ms[0].Start != from || ms[0].End != to {
			t.Errorf("%s: %+v, want %s at %d to %d", plain, ms, rule, from, to)
		}
	}
	for _, text := range []string{
		"[a](https://evil.example/#top)", "![x](https://9a_b-c.cdn.example.com/a.png)", "![x](https://a.b.cdn.example.com./a.png)", "[[1]] and [2]: see [3]",
	} {
		if ms := find(h, text); len(ms) != 0 {
			t.Errorf("%s: %+v", text, ms)
		}
	}
}

func TestHostsThatAreNone(t *testing.T) {
	for name, ok := range map[string]bool{
		"localhost": true, "a.example": true, "*.a.example": true, "A.Example": true, "": false, "*.": false, "*": false, "intranet": false, "*.com": false,
		".a.example": false, "a.*.example": false, "a.example/": false, "a.example:443": false, "u@a.example": false, "a.example?x": false, "a.example#x": false, `a\.example`: false, "a .example": false,
	} {
		if _, err := exfil.New(name); (err == nil) != ok || err != nil && !errors.Is(err, exfil.ErrHost) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
