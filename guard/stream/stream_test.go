package stream_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// events parses pieces and returns the data of all events.
func events(t testing.TB, pieces ...string) []string {
	t.Helper()
	var out []string
	p := stream.NewParser(1 << 10)
	for _, s := range pieces {
		if err := p.Write([]byte(s), func(data []byte) error {
			out = append(out, string(data))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// The parser reads by the standard, wherever the stream is cut.
func TestParserAtEveryCut(t *testing.T) {
	for text, want := range map[string][]string{
		"data: a\n\ndata: b\n\n":                     {"a", "b"},
		"data: a\r\n\r\ndata: b\r\n\r\n":             {"a", "b"},
		"data: a\r\rdata: b\r\r":                     {"a", "b"},
		"data: a\r\n\ndata: b\n\r\n":                 {"a", "b"},
		"data:a\ndata: b\n\n":                        {"a\nb"},
		"\ufeffdata: a\n\n":                          {"a"},
		": comment with data: x\ndata: a\nid: 7\n\n": {"a"},
		"event: evil\nretry: 1\n\ndata: a\n\n":       {"a"},
		"data\n\n":                                   {""},
		"data: \n\n":                                 {""},
		"data:  two\n\n":                             {" two"},
		"data: ü€\n\n":                               {"ü€"},
		"data: cut":                                  nil,
		"data: cut\n":                                nil,
		"\n\n\r\n":                                   nil,
		"datas: x\n\n data: y\n\n":                   nil,
	} {
		for i := range len(text) + 1 {
			for _, j := range []int{i, len(text), (i + len(text)) / 2} {
				if got := events(t, text[:i], text[i:j], text[j:]); !slices.Equal(got, want) {
					t.Fatalf("%q cut at %d and %d: %q", text, i, j, got)
				}
			}
		}
	}
}

func TestAppendEventReadsBack(t *testing.T) {
	for _, s := range []string{"", "x", "a\nb", "\n", " lead"} {
		if got := events(t, string(stream.AppendEvent(nil, []byte(s)))); !slices.Equal(got, []string{s}) {
			t.Errorf("%q reads back as %q", s, got)
		}
	}
}

func TestParserLimit(t *testing.T) {
	for _, text := range []string{"data: " + strings.Repeat("x", 2000), strings.Repeat("data: xxxxxxx\n", 200), ":" + strings.Repeat("x", 2000)} {
		p := stream.NewParser(1 << 10)
		if err := p.Write([]byte(text), func([]byte) error { return nil }); !errors.Is(err, stream.ErrSize) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// play sends texts of two channels through a Hold and returns what it releases, event by event, and the rule.
func play(t testing.TB, l *detect.Leak, pieces []string) (out []string, rule string) {
	t.Helper()
	h := stream.NewHold[int](1 << 16)
	emit := func(data []byte) { out = append(out, string(data)) }
	for i, p := range pieces {
		if err := h.Event([]byte(p)); err != nil {
			t.Fatal(err)
		}
		rule, err := h.Text(i%2, func() stream.Scanner { s := l.Start(); return &s }, []byte(p))
		if err != nil {
			t.Fatal(err)
		}
		if rule != "" {
			return out, rule
		}
		h.Release(emit)
	}
	if rule = h.Finish(); rule == "" {
		h.Release(emit)
	}
	return out, rule
}

// whole says what a text is worth in one piece.
func whole(l *detect.Leak, text string) string {
	s := l.Start()
	if _, rule := s.Write([]byte(text)); rule != "" {
		return rule
	}
	return s.Finish()
}

// For every cut of a small corpus into three pieces of one channel, with the other channel's text between them: what is
// released is a prefix of what was sent, all of it if there is no leak, and never contains a leak.
func TestHoldAtEveryCut(t *testing.T) {
	l, err := detect.NewLeak([]string{"abcabcabd"}, []string{"one two three four five six seven eight nine"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "plain prose without anything", "abcabcab", "xabcabcabcabdx", "ABCABCABD", "abcabcababcabc",
		"say one two three four five six seven eight.", "one two three four five six seven", "one two three four five six seven eight",
		"two three four five six seven eight nine", "one two one two three four five six seven", "one two three abcabcabd",
	} {
		want := whole(l, text)
		for i := range len(text) + 1 {
			for j := i; j <= len(text); j++ {
				pieces := []string{text[:i], "other ", text[i:j], "text", text[j:], "."}
				out, rule := play(t, l, pieces)
				if rule != want {
					t.Fatalf("%q cut at %d, %d: %q, want %q", text, i, j, rule, want)
				}
				if !slices.Equal(out, pieces[:len(out)]) || want == "" && len(out) != len(pieces) {
					t.Fatalf("%q cut at %d, %d: released %q", text, i, j, out)
				}
				var sent strings.Builder
				for k := 0; k < len(out); k += 2 {
					sent.WriteString(out[k])
				}
				if want != "" && sent.String() != "" && len(sent.String()) < len(text) && whole(l, sent.String()+" ") != "" && !inWord(text, len(sent.String())) {
					t.Fatalf("%q cut at %d, %d: released %q", text, i, j, sent.String())
				}
				if want == detect.RuleCanary && strings.Contains(strings.ToLower(sent.String()), "abcabcab") && len(sent.String()) < len(text) {
					t.Fatalf("%q cut at %d, %d: released the start of the canary: %q", text, i, j, sent.String())
				}
			}
		}
	}
}

func inWord(text string, at int) bool {
	isWord := func(c byte) bool {
		return bytes.ContainsRune([]byte("abcdefghijklmnopqrstuvwxyz0123456789"), rune(c|0x20))
	}
	return isWord(text[at-1]) && isWord(text[at])
}

// always holds everything.
type always struct{ n int }

func (a *always) Write(p []byte) (int, string) { a.n += len(p); return a.n, "" }
func (a *always) Finish() string               { return "" }

func TestHoldIsBounded(t *testing.T) {
	h := stream.NewHold[int](100)
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		if err = h.Event(make([]byte, 10)); err == nil {
			_, err = h.Text(0, func() stream.Scanner { return &always{} }, []byte("x"))
		}
		h.Release(func([]byte) { t.Fatal("released") })
	}
	if !errors.Is(err, stream.ErrSize) || h.Held() > 110 {
		t.Fatal(err, h.Held())
	}
	h2 := stream.NewHold[int](1 << 20)
	for i := 0; ; i++ {
		if err := h2.Event([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := h2.Text(i, func() stream.Scanner { return &always{} }, []byte("x")); err != nil {
			if !errors.Is(err, stream.ErrSize) || i > 10_000 {
				t.Fatal(i, err)
			}
			return
		}
	}
}

// FuzzParser holds the parser against itself fed byte by byte, and its output against a second reading.
func FuzzParser(f *testing.F) {
	f.Add("data: a\r\n\r\n:c\ndata:b\n\n", 3)
	f.Add("\ufeffdata\r\r", 1)
	f.Fuzz(func(t *testing.T, s string, at int) {
		if len(s) > 900 {
			return
		}
		want := events(t, s)
		at = max(0, min(at, len(s)))
		if got := events(t, s[:at], s[at:]); !slices.Equal(got, want) {
			t.Fatalf("%q cut at %d: %q, whole %q", s, at, got, want)
		}
		if got := events(t, strings.Split(s, "")...); !slices.Equal(got, want) {
			t.Fatalf("%q byte by byte: %q, whole %q", s, got, want)
		}
		for _, data := range want {
			if strings.ContainsAny(data, "\r") {
				t.Fatalf("%q: data %q holds CR", s, data)
			}
			if back := events(t, string(stream.AppendEvent(nil, []byte(data)))); !slices.Equal(back, []string{data}) {
				t.Fatalf("%q reads back as %q", data, back)
			}
		}
	})
}
