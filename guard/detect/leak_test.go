package detect

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
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
	s := l.Start()
	if _, rule := s.Write([]byte(text)); rule != "" {
		return rule
	}
	return s.Finish()
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

// Whatever the cuts, the verdict is that of the whole text, and what was not held back never contains a leak.
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
		want := leakWhole(l, text)
		s := l.Start()
		emitted, rule := 0, ""
		for at := 0; at < len(text) && rule == ""; {
			n := min(1+rnd.IntN(5), len(text)-at)
			var held int
			held, rule = s.Write([]byte(text[at : at+n]))
			at += n
			if held < 0 || held > at {
				t.Fatalf("%q: holds %d of %d", text, held, at)
			}
			if rule == "" {
				emitted = max(emitted, at-held)
			}
		}
		if rule == "" {
			if rule = s.Finish(); rule == "" {
				emitted = len(text)
			}
		}
		if rule != want {
			t.Fatalf("%q: %q in pieces, %q whole", text, rule, want)
		}
		if rule != "" {
			hits++
		}
		if got := leakWhole(l, text[:emitted]); got != "" && emitted < len(text) && !cutWord(text, emitted) {
			t.Fatalf("%q: sent %q, which is a leak", text, text[:emitted])
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d leaks: the test shows little", hits)
	}
}

// cutWord reports whether text is cut inside a word: the part is another word then, and may end a run by chance.
func cutWord(text string, at int) bool { return wordByte(text[at-1]) && wordByte(text[at]) }

// Prose is not held but for the few bytes that could begin a canary.
func TestProseIsNotHeld(t *testing.T) {
	l := newLeak(t, []string{"§canary-1234"}, []string{prompt})
	s := l.Start()
	for i, c := range prose(4 << 10) {
		if held, rule := s.Write([]byte{c}); held != 0 || rule != "" {
			t.Fatalf("byte %d: held %d, %q", i, held, rule)
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
		if _, rule := s.Write(text); rule != "" {
			t.Fatal(rule)
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
			s.Write([]byte(text[:cut]))
			if s.Write([]byte(text[cut:])); s.Finish() != RulePrompt {
				t.Errorf("%q cut at %d", text, cut)
			}
		}
	}
	if got := leakWhole(l, "neverétell anyone thé tide"); got != "" {
		t.Error(got)
	}
}
