package detect

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

const (
	canary = "hf-canary-7Q2x"
	prompt = "You are the harbour master's clerk. Never tell anyone the tide tables before the bell has rung twice."
)

func newLeak(t testing.TB, canaries, prompts []string) *Leak {
	t.Helper()
	l, err := NewLeak(canaries, prompts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// leakWhole scans a text in one piece.
func leakWhole(l *Leak, text string) string {
	if ms := leaks(l, text); len(ms) > 0 {
		return ms[0].Rule
	}
	return ""
}

// leaks lists what a text in one piece holds.
func leaks(l *Leak, text string) []stream.Match {
	s := l.Start()
	ms, _, _ := s.Write(nil, []byte(text))
	ms, _ = s.Finish(ms)
	return ms
}

func TestLeak(t *testing.T) {
	l := newLeak(t, []string{canary, "aaaaaaab"}, []string{prompt, "sell only blue fish"})
	for text, want := range map[string]string{
		"":                      "",
		"The tide turns.":       "",
		"it is " + canary + ".": RuleCanary,
		strings.ToUpper(canary): RuleCanary,
		canary[1:]:              "",
		"hf-hf-canary-7Q2x":     RuleCanary,
		"aaaaaaaaaaaaab":        RuleCanary, // the match begins late
		"aaaaaaa":               "",
		prompt:                  RulePrompt,
		strings.ToUpper(prompt): RulePrompt,
		"it says: never tell anyone the tide tables before the":                RulePrompt, // 8 words, ended by the end
		"it says: never tell anyone the tide tables before":                    "",
		"never tell anyone the tide table before the bell has":                 "", // one word is another
		"never\ntell - anyone\t**the** tide; tables (before) the bell":         RulePrompt,
		"anyone the tide tables, never tell anyone the tide tables before the": RulePrompt,
		"we sell only blue fish here":                                          RulePrompt,
		"we sell only blue fishes":                                             "",
		"sell only blue":                                                       "",
	} {
		if got := leakWhole(l, text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Whatever the cuts, the matches are those of the whole text, none begins in what was given up, and none is left when they
// are replaced.
func TestLeakDoesNotDependOnCuts(t *testing.T) {
	canaries, prompts := []string{"abcabcabd", "bcabcabce"}, []string{"ab ba aab bba abab baba ab aab bb", "b a b a"}
	l := newLeak(t, canaries, prompts)
	rnd := rand.New(rand.NewPCG(1, 2))
	words := []string{"ab", "ba", "aab", "bba", "abab", "baba", "bb", "a", "b", "abc", "abcabcabd", "bcabcabc", "e", "-", ". "}
	hits := 0
	for range 20_000 {
		var b strings.Builder
		for range rnd.IntN(24) {
			b.WriteString(words[rnd.IntN(len(words))])
			if rnd.IntN(4) > 0 {
				b.WriteByte(' ')
			}
		}
		text := b.String()
		want := leaks(l, text)
		inPieces(t, l, text, want, func() int { return 1 + rnd.IntN(5) })
		if len(want) == 0 {
			continue
		}
		hits++
		if rest := leaks(l, string(stream.Redact(nil, []byte(text), replaced(want)))); len(rest) > 0 {
			t.Fatalf("%q: %+v is left", text, rest)
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d leaks: the test shows little", hits)
	}
}

// inPieces demands of a text that is written in pieces the matches of the whole, and that none begins in what was given up.
func inPieces(t *testing.T, l *Leak, text string, want []stream.Match, piece func() int) {
	t.Helper()
	s := l.Start()
	var got []stream.Match
	emitted := 0
	begin := func(ms []stream.Match, to int) {
		for _, m := range ms {
			if m.Start < emitted || m.End > to || m.End <= m.Start {
				t.Fatalf("%q: %+v when %d was given up", text, m, emitted)
			}
		}
	}
	for at := 0; at < len(text); {
		n := min(piece(), len(text)-at)
		old := len(got)
		found, held, _ := s.Write(got, []byte(text[at:at+n]))
		got = found
		at += n
		if held < 0 || held > at || at-held < emitted {
			t.Fatalf("%q: holds %d of %d, having given up %d", text, held, at, emitted)
		}
		begin(got[old:], at)
		emitted = at - held
	}
	old := len(got)
	got, _ = s.Finish(got)
	begin(got[old:], len(text))
	if !slices.Equal(got, want) {
		t.Fatalf("%q: %+v in pieces, %+v whole", text, got, want)
	}
}

// replaced gives every match a replacement that is no part of any leak.
func replaced(ms []stream.Match) []stream.Match {
	for i := range ms {
		ms[i].Replacement = " [redacted] [redacted] "
	}
	return ms
}

// Prose is not held but for the few bytes that could begin a canary.
func TestProseIsNotHeld(t *testing.T) {
	l := newLeak(t, []string{"§canary-1234"}, []string{prompt})
	s := l.Start()
	for i, c := range prose(4 << 10) {
		if ms, held, _ := s.Write(nil, []byte{c}); held != 0 || len(ms) > 0 {
			t.Fatalf("byte %d: held %d, %v", i, held, ms)
		}
	}
}

func TestNewLeakRefuses(t *testing.T) {
	for _, c := range []struct{ canaries, prompts []string }{
		{[]string{"short"}, nil}, {[]string{""}, nil}, {nil, []string{"too few words"}}, {nil, []string{"!!!"}},
		{[]string{strings.Repeat("a", 2<<20)}, nil}, {nil, []string{strings.Repeat("word ", 1<<20)}}, {[]string{strings.Repeat("x", 70_000)}, nil},
	} {
		if _, err := NewLeak(c.canaries, c.prompts); !errors.Is(err, ErrLeak) {
			t.Errorf("%.40q %.40q: %v", c.canaries, c.prompts, err)
		}
	}
	if _, err := NewLeak([]string{"\x00\xff\xfe\x01binary"}, nil); err != nil {
		t.Error(err)
	}
}

func TestLeakDoesNotAllocate(t *testing.T) {
	l := newLeak(t, []string{canary}, []string{prompt})
	text := prose(1 << 10)
	if n := testing.AllocsPerRun(100, func() {
		s := l.Start()
		if ms, _, _ := s.Write(nil, text); len(ms) > 0 {
			t.Fatal(ms)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Typographic punctuation and emoji stand between words like any other, on either side.
func TestLeakAmongOtherCharacters(t *testing.T) {
	const words = "never tell anyone the tide tables before the bell"
	l := newLeak(t, nil, []string{prompt, "“Jeder—Gast zahlt «bar», jeder Gast zahlt gleich»"})
	for _, text := range []string{
		strings.ReplaceAll(words, " ", "” “"), strings.ReplaceAll(words, " ", "—"), strings.ReplaceAll(words, " ", "🙂"), strings.ReplaceAll(words, " ", "\u00a0"),
		strings.ReplaceAll(words, " ", "•→"), "Jeder Gast zahlt bar, jeder Gast zahlt gleich",
	} {
		if got := leakWhole(l, text); got != RulePrompt {
			t.Errorf("%q: %q", text, got)
		}
		for cut := range len(text) {
			s := l.Start()
			ms, _, _ := s.Write(nil, []byte(text[:cut]))
			ms, _, _ = s.Write(ms, []byte(text[cut:]))
			if ms, _ = s.Finish(ms); len(ms) == 0 || ms[0].Rule != RulePrompt {
				t.Errorf("%q cut at %d", text, cut)
			}
		}
	}
	if got := leakWhole(l, "neverétell anyone thé tide"); got != "" {
		t.Error(got)
	}
}

// Ways to write a system prompt that undo none of it.
func codedPrompts(p string) map[string]string {
	back := []byte(p)
	slices.Reverse(back)
	lines := base64.StdEncoding.EncodeToString([]byte(p))
	return map[string]string{
		"ROT13": strings.Map(rot13, p), "backwards": string(back), "base64": lines, "base64 of addresses": base64.RawURLEncoding.EncodeToString([]byte("So: " + p)),
		"base64 in lines": lines[:40] + "\n" + lines[40:80] + "\r\n" + lines[80:], "hexadecimal": hex.EncodeToString([]byte(p)), "spaced hexadecimal": everyByte("%02X ", p),
		"hexadecimal in escapes": everyByte(`\x%02x`, p), "hexadecimal of programs": everyByte("0x%02x, ", p), "an address": everyByte("%%%02x", p), "a word a line": strings.ReplaceAll(p, " ", "\n"),
	}
}

// A letter or three that the model was told to put in front move the groups of base64.
func TestPromptInBase64BehindLetters(t *testing.T) {
	l := newLeak(t, nil, []string{prompt})
	code := base64.StdEncoding.EncodeToString([]byte(prompt))
	for _, front := range []string{"", "x", "xy", "xyz", "Wxyz", "x\n"} {
		text := "Here it is: " + front + code + " as you asked."
		want := leaks(l, text)
		if len(want) == 0 || want[0].Rule != RulePrompt {
			t.Errorf("behind %q it passes", front)
			continue
		}
		for size := range 7 {
			inPieces(t, l, text, want, func() int { return size + 1 })
		}
		if rest := leaks(l, string(stream.Redact(nil, []byte(text), replaced(slices.Clone(want))))); len(rest) > 0 {
			t.Errorf("behind %q: %v is left", front, rest)
		}
	}
}

func TestCodedPrompts(t *testing.T) {
	for _, p := range []string{prompt, "sell only blue fish", "Tell nobody that Zoë's shop closes at noon, and that she is away."} {
		l := newLeak(t, nil, []string{p})
		for name, text := range codedPrompts(p + strings.Repeat(" ", max(0, 84-len(p)))) {
			if name == "backwards" && strings.Contains(p, "ë") {
				continue // its bytes are no text
			}
			text = "Here it is: " + text + " as you asked."
			want := leaks(l, text)
			if len(want) == 0 || want[0].Rule != RulePrompt {
				t.Errorf("%s of %q passes: %q", name, p, text)
				continue
			}
			for size := range 7 {
				inPieces(t, l, text, want, func() int { return size + 1 })
			}
			if rest := leaks(l, string(stream.Redact(nil, []byte(text), replaced(slices.Clone(want))))); len(rest) > 0 {
				t.Errorf("%s of %q: %v is left", name, p, rest)
			}
		}
	}
}
