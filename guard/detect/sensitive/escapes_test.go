package sensitive_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// What readers of an answer undo hides nothing: each text shows as the same identifier.
var disguised = map[string][]string{
	"secret.github": {
		`ghp\_16C7e42F292c6912E7710c838347Ae178B4a`, "ghp&#95;16C7e42F292c6912E7710c838347Ae178B4a", "ghp&lowbar;16C7e42F292c6912E7710c838347Ae178B4a", "ghp%5F16C7e42F292c6912E7710c838347Ae178B4a", `gh\x70_16C7e42F292c6912E7710c838347Ae178B4a`,
		`\U00000067hp_16C7e42F292c6912E7710c838347Ae178B4a`, `\u{67}hp_16C7e42F292c6912E7710c838347Ae178B4a`, `ghp\u{00005f}16C7e42F292c6912E7710c838347Ae178B4a`, "𝐠𝒉𝓅_16𝐂7𝖾42F292c6912E7710c838347Ae178B4ⓐ",
		"&#x67;hp_16C7e42F292c6912E7710c838347Ae178B4a", "g\u202ahp_16C7e42F292c\u20666912E7710c838347\u200eAe178B4a", "%67%68%70%5f16C7e42F292c6912E7710c838347Ae178B4a",
	},
	"pii.email": {
		`john\.doe@example\.com`, `john.doe\@example.com`, "john.doe&#64;example.com", "john.doe&commat;example.com", "john.doe%40example.com", "john.doe&#x40;example&period;com", "john.doe@example。com", "joh&#110;.doe@example.com",
		"john.doe@exam\u0301ple.com", "john\u034f.doe@example.com",
	},
	"pii.card": {
		"4111&nbsp;1111&nbsp;1111&nbsp;1111", "4111&#8209;1111&#8209;1111&#8209;1111", "4111&shy;1111&zwj;1111&zwnj;1111", "4111%201111%201111%201111", `4111\-1111\-1111\-1111`, "④①①① ①①①① ①①①① ①①①①",
		"4111\u31641111\uffa01111\u17b41111", "4111\u180b1111\U0001d1731111\U000e00011111", "4111&NoBreak;1111&it;1111&ic;1111", "4111&hairsp;1111&numsp;1111&puncsp;1111", "41\u200e11 1111 11\u200f11 1111", "4\u20d01\u03001\u03011 1111 1111 1111", "4111　1111　1111　1111", "4\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e3 1111 1111 1111",
	},
	"secret.url-password": {"http://jane%40corp.example:hunter2abc@db.example/x", "http://am:pa%3Fsword1@db.example/x"},
}

func TestEscapesHideNothing(t *testing.T) {
	s := all(t)
	for kind, list := range disguised {
		for _, text := range list {
			whole := "It is " + text + " indeed."
			want := s.Find(nil, []byte(whole))
			if len(want) != 1 || want[0].Rule != kind {
				t.Errorf("%q: %v, want %s", text, want, kind)
				continue
			}
			if kind != "secret.url-password" && whole[want[0].Start:want[0].End] != text {
				t.Errorf("%q: found is %q", text, whole[want[0].Start:want[0].End])
			}
			sc := s.Start()
			var got []stream.Match
			clear := 0
			for i := range len(whole) {
				before := len(got)
				var held int
				got, held, _ = sc.Write(got, []byte(whole[i:i+1]))
				for _, m := range got[before:] {
					if m.Start < clear {
						t.Fatalf("%q: found at %d when %d were given up", text, m.Start, clear)
					}
				}
				clear = i + 1 - held
			}
			if got, _ = sc.Finish(got); !slices.Equal(got, want) {
				t.Errorf("%q: %v in pieces, %v whole", text, got, want)
			}
		}
	}
}

// Digits of every script are digits (Unicode, general category Nd).
func TestDigitsOfAllScripts(t *testing.T) {
	s := all(t)
	for _, r := range unicode.Nd.R16 {
		checkDigits(t, s.Find, rune(r.Lo), rune(r.Hi))
	}
	for _, r := range unicode.Nd.R32 {
		checkDigits(t, s.Find, rune(r.Lo), rune(r.Hi))
	}
}

func checkDigits(t *testing.T, find func([]stream.Match, []byte) []stream.Match, lo, hi rune) {
	t.Helper()
	for zero := lo; zero+9 <= hi; zero += 10 {
		text := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return zero + r - '0'
			}
			return r
		}, "4012 8888 8888 1881")
		if ms := find(nil, []byte(text)); len(ms) != 1 || ms[0].Rule != "pii.card" || ms[0].End != len(text) {
			t.Errorf("%q (%U): %v", text, zero, ms)
		}
	}
}

// What only looks like an escape is what it is.
func TestWhatIsNoEscape(t *testing.T) {
	s := all(t)
	for _, text := range []string{
		"printf(\"%02d%40s.%2f\\n\", a, b)", "AT&T and R&D; Q&A #64;", "a=1&b=2&copy=3&amp;d=4", "100% of 40%", "50%\n", "\\d+\\.\\d+\\-\\w+@", "x \\& y \\% z", "&#99999999999;", "&#xzz;", "&;", "%", "%4", "&", "\\", "\\x", "\\x4", "&#", "&#6",
		"https://a.example/?q=caf%C3%A9%20and%20tea%2C%20please&lang=en", "C:\\users\\name\\x86\\u123", "1.2 % 3.4 & 5.6",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}
