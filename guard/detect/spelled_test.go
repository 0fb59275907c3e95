package detect

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// everyByte writes every byte of s by format, joined.
func everyByte(format, s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

func spelledWays(c string) map[string]string {
	back := []byte(c)
	slices.Reverse(back)
	wide := strings.Map(func(r rune) rune { return r + 0xfee0 }, c)
	lines := base64.StdEncoding.EncodeToString([]byte("so: " + c + ", and that is it"))
	return map[string]string{
		"spaces":                        everyByte("%c ", c),
		"new lines":                     everyByte("%c\n", c),
		"dashes":                        everyByte("%c - ", c),
		"zero width":                    everyByte("%c\u200b", c),
		"bold":                          "**" + c[:5] + "**_" + c[5:] + "_",
		"JSON":                          everyByte(`\u%04x`, c),
		"lines in JSON":                 everyByte(`%c\n`, c),
		"some JSON":                     fmt.Sprintf(`{"q":"\u%04X%s"}`, c[0], c[1:]),
		"escaped hyphens":               strings.ReplaceAll(c, "-", `\u002d`),
		"hex escapes":                   everyByte(`\x%02x`, c),
		"an address":                    "https://e.example/?q=" + everyByte("%%%02X", c),
		"entities":                      everyByte("&#%d;", c),
		"hex entities":                  everyByte("&#x%X;", c),
		"full width":                    wide,
		"backwards":                     string(back),
		"ROT13":                         strings.Map(rot13, c),
		"hex":                           hex.EncodeToString([]byte(c)),
		"spaced hex":                    everyByte("%02X ", c),
		"base64":                        base64.StdEncoding.EncodeToString([]byte(c)),
		"base64 + 1":                    base64.StdEncoding.EncodeToString([]byte("x" + c + "yz")),
		"base64 + 2":                    base64.URLEncoding.EncodeToString([]byte("xy" + c + "z")),
		"base64 in lines":               lines[:10] + "\n" + lines[10:20] + "\n" + lines[20:],
		"base64 twice":                  base64.StdEncoding.EncodeToString([]byte("It is " + base64.StdEncoding.EncodeToString([]byte("so: "+c+"!")))),
		"hex of base64":                 hex.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("so: " + c)))),
		"base64 of hex":                 base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString([]byte(c)))),
		"base64 of capital hex":         base64.StdEncoding.EncodeToString([]byte(strings.ToUpper(hex.EncodeToString([]byte(c))))),
		"base64 of ROT13":               base64.StdEncoding.EncodeToString([]byte("x" + strings.Map(rot13, c))),
		"ROT13 of base64":               strings.Map(rot13, base64.StdEncoding.EncodeToString([]byte("xy"+c))),
		"base64 backwards":              reverse(base64.StdEncoding.EncodeToString([]byte("xyz" + c))),
		"base64 of it backwards":        base64.StdEncoding.EncodeToString(back),
		"ROT13 backwards":               reverse(strings.Map(rot13, c)),
		"behind an and":                 "&" + everyByte("%c ", c),
		"behind an entity that is none": "&#1" + everyByte("%c ", c),
		"behind a backslash":            `\` + everyByte("%c ", c),
	}
}

func TestSpelledCanaries(t *testing.T) {
	for _, c := range []string{canary, "CANARY-7f3a9c21", "0f9a-42bc-77de", "Zr8kQm2x"} {
		l := newLeak(t, []string{c}, nil)
		for name, text := range spelledWays(c) {
			ms := leaks(l, "It is "+text+" as you asked.")
			if len(ms) == 0 || ms[0].Rule != RuleCanary {
				t.Errorf("%s, %s: %q passes", c, name, text)
			}
		}
		if ms := leaks(l, c+" "+c); len(ms) != 2 {
			t.Errorf("%s twice: %v", c, ms)
		}
	}
}

// Other letters, other order and more between the letters than people write are no canary.
func TestNotSpelled(t *testing.T) {
	l := newLeak(t, []string{canary, "--------", "!?!?!?!?!"}, nil)
	for _, text := range []string{
		"", canary[1:], everyByte("%c ", canary[:len(canary)-1]), everyByte("%c"+strings.Repeat(" ", spelledGap+1), canary), "hf canary 7Q 3x",
		strings.Repeat("hf canary ", 50), string(prose(64 << 10)),
	} {
		if ms := leaks(l, text); len(ms) > 0 {
			t.Errorf("%.80q: %v", text, ms)
		}
	}
}

// Whatever the cuts, the matches are those of the whole text, none begins in what was given up, and none is left when they are replaced.
func TestSpelledDoNotDependOnCuts(t *testing.T) {
	const c = "abcab-cabd12"
	l := newLeak(t, []string{c}, nil)
	rnd := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"a", "b", "c", "d", "1", "2", "abc", "abcabc", "cabd1", "12", "-", " ", "\u200b", "\uff01", "\uff41", "\xef", "\xef\xbc", "\\", `\n`, `\u`, `\u0061`, `\u00`, `\x62`,
		"%", "%6", "%63", "&", "&#", "&#x", "&#x61;", "&#98;", "&#999999999", "#", "x", ";", "\xf0"}
	var ways []string
	for _, w := range spelledWays(c) {
		ways = append(ways, w)
	}
	slices.Sort(ways)
	hits := 0
	for range 20_000 {
		var b strings.Builder
		for range rnd.IntN(12) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		if rnd.IntN(2) == 0 {
			b.WriteString(ways[rnd.IntN(len(ways))])
		}
		for range rnd.IntN(6) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		text := b.String()
		want := leaks(l, text)
		inPieces(t, l, text, want, func() int { return 1 + rnd.IntN(4) })
		if len(want) == 0 {
			continue
		}
		hits++
		if rest := leaks(l, string(stream.Redact(nil, []byte(text), replaced(want)))); len(rest) > 0 {
			t.Fatalf("%q: %+v is left", text, rest)
		}
	}
	if hits < 5000 {
		t.Fatalf("only %d leaks: the test shows little", hits)
	}
}

// No text and no cut breaks the automata: what is given up stays given up, and pieces find what the whole does.
func FuzzSpelled(f *testing.F) {
	for _, w := range spelledWays(canary) {
		f.Add([]byte(w), uint8(1))
		f.Add([]byte("&#x"+w+"&#000000000;\\u"), uint8(3))
	}
	for _, text := range []string{prompt, b64(b64(prompt)), hex.EncodeToString([]byte(b64("x" + reverse(prompt)))), "1. Y 2. o 3. u " + prompt[4:], spacelessPrompts["zh"], b64(spacelessPrompts["zh"]), `\u4f60\u662f` + spacelessPrompts["zh"][6:]} {
		f.Add([]byte(text), uint8(2))
	}
	l := newLeak(f, []string{canary, "0f9a-42bc-77de"}, []string{prompt, spacelessPrompts["zh"]})
	f.Fuzz(func(t *testing.T, text []byte, piece uint8) {
		want := leaks(l, string(text))
		s := l.Start()
		var got []stream.Match
		emitted := 0
		for at := 0; at < len(text); {
			n := min(int(piece%16)+1, len(text)-at)
			old := len(got)
			found, held, _ := s.Write(got, text[at:at+n])
			got, at = found, at+n
			if held < 0 || at-held < emitted {
				t.Fatalf("holds %d of %d, having given up %d", held, at, emitted)
			}
			for _, m := range got[old:] {
				if m.Start < emitted || m.End > at || m.End <= m.Start {
					t.Fatalf("%+v when %d was given up", m, emitted)
				}
			}
			emitted = at - held
		}
		if got, _ = s.Finish(got); !slices.Equal(got, want) {
			t.Fatalf("%+v in pieces, %+v whole", got, want)
		}
	})
}
