package stream_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/testkit"
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

// text adds a piece of a text, which may be new.
func text(h *stream.Hold[int], key, ref int, start func() stream.Scanner, p []byte) error {
	if !h.Has(key) {
		if err := h.Begin(key, start()); err != nil {
			return err
		}
	}
	return h.Text(key, ref, p)
}

// run sends pieces through a Hold, those with odd numbers as a second text, and returns what is released of the first.
func run(t testing.TB, start func() stream.Scanner, pieces []string) string {
	t.Helper()
	h := stream.NewHold[int](1 << 16)
	var out strings.Builder
	n := 0
	emit := func(data []byte, edits []stream.Edit) {
		if n++; n%2 == 0 {
			return
		}
		from := 0
		for _, e := range edits {
			out.Write(data[from:e.Start])
			out.WriteString(e.With)
			from = e.End
		}
		out.Write(data[from:])
	}
	for i, p := range pieces {
		if err := h.Event([]byte(p)); err != nil {
			t.Fatal(err)
		}
		if err := text(h, i%2, i, start, []byte(p)); err != nil {
			t.Fatal(err)
		}
		h.Release(emit)
	}
	if err := h.Finish(nil); err != nil {
		t.Fatal(err)
	}
	h.Release(emit)
	if n != len(pieces) || h.Held() != 0 {
		t.Fatalf("%d of %d events came out, %d bytes are held", n, len(pieces), h.Held())
	}
	return out.String()
}

// whole lists what a text in one piece holds.
func whole(s stream.Scanner, text string) []stream.Match {
	ms, _, err := s.Write(nil, []byte(text))
	if err != nil {
		panic(err)
	}
	if ms, err = s.Finish(ms); err != nil {
		panic(err)
	}
	return ms
}

// For every cut of a small corpus into three pieces of one text, with another text between them: what is released is the
// text with all matches replaced, as if it had come in one piece.
func TestHoldAtEveryCut(t *testing.T) {
	l, err := detect.NewLeak([]string{"abcabcabd", "cabdxyzw"}, []string{"one two three four five six seven eight nine"})
	if err != nil {
		t.Fatal(err)
	}
	start := func() stream.Scanner { s := l.Start(); return &s }
	redactions := 0
	for _, text := range []string{
		"", "plain prose without anything", "abcabcab", "xabcabcabcabdx", "ABCABCABD", "abcabcababcabc", "abcabcabdabcabcabd", "abcabcabdxyzw.",
		"say one two three four five six seven eight.", "one two three four five six seven", "one two three four five six seven eight",
		"two three four five six seven eight nine", "one two one two three four five six seven", "one two three abcabcabd",
		"one two three four five six seven eight nine ten one two three four five six seven eight nine",
	} {
		want := string(stream.Redact(nil, []byte(text), whole(start(), text)))
		if want != text {
			redactions++
		}
		for i := range len(text) + 1 {
			for j := i; j <= len(text); j++ {
				if got := run(t, start, []string{text[:i], "other ", text[i:j], "text", text[j:], "."}); got != want {
					t.Fatalf("%q cut at %d, %d: %q, want %q", text, i, j, got, want)
				}
			}
		}
		if got := run(t, start, strings.Split(strings.Join(strings.Split(text, ""), "\x00\x00"), "\x00")); got != want {
			t.Fatalf("%q byte by byte: %q, want %q", text, got, want)
		}
	}
	if redactions < 7 {
		t.Fatal("hardly anything was found")
	}
}

// always holds everything.
type always struct{ n int }

func (a *always) Write(ms []stream.Match, p []byte) ([]stream.Match, int, error) {
	a.n += len(p)
	return ms, a.n, nil
}
func (a *always) Finish(ms []stream.Match) ([]stream.Match, error) { return ms, nil }

func TestHoldIsBounded(t *testing.T) {
	h := stream.NewHold[int](100)
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		if err = h.Event(make([]byte, 10)); err == nil {
			err = text(h, 0, 0, func() stream.Scanner { return &always{} }, []byte("x"))
		}
		h.Release(func([]byte, []stream.Edit) { t.Fatal("released") })
	}
	if !errors.Is(err, stream.ErrSize) || h.Held() > 100 {
		t.Fatal(err, h.Held())
	}
	h2 := stream.NewHold[int](1 << 20)
	for i := 0; ; i++ {
		if err := h2.Event([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := text(h2, i, 0, func() stream.Scanner { return &always{} }, []byte("x")); err != nil {
			if !errors.Is(err, stream.ErrSize) || i > 10_000 {
				t.Fatal(i, err)
			}
			return
		}
	}
}

// scripted reports one match when the text has so many bytes.
type scripted struct {
	at, held int
	m        stream.Match
	n        int
}

func (s *scripted) Write(ms []stream.Match, p []byte) ([]stream.Match, int, error) {
	s.n += len(p)
	if s.n == s.at {
		ms = append(ms, s.m)
	}
	return ms, min(s.held, s.n), nil
}
func (s *scripted) Finish(ms []stream.Match) ([]stream.Match, error) { return ms, nil }

// A scanner that comes late with a match, or takes back what it gave up, is a fault: the text may be on its way.
func TestLateScannersAreFaults(t *testing.T) {
	for name, s := range map[string]*scripted{
		"late":     {at: 3, m: stream.Match{Start: 1, End: 3}},
		"backward": {at: 3, held: 2, m: stream.Match{Start: 3, End: 2}},
		"beyond":   {at: 3, held: 3, m: stream.Match{Start: 0, End: 4}},
		"before":   {at: 3, held: 3, m: stream.Match{Start: -1, End: 2}},
	} {
		h := stream.NewHold[int](100)
		var err error
		for range 3 {
			if err = h.Event([]byte("x")); err == nil {
				err = errors.Join(err, text(h, 0, 0, func() stream.Scanner { return s }, []byte("x")))
			}
		}
		if !errors.Is(err, stream.ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := stream.NewHold[int](100)
	if err := errors.Join(h.Event([]byte("x")), text(h, 0, 0, func() stream.Scanner { return &always{} }, []byte("x")), h.Finish(nil), h.Event([]byte("y"))); err != nil {
		t.Fatal(err)
	}
	if err := h.Text(0, 0, []byte("y")); !errors.Is(err, stream.ErrEnded) {
		t.Errorf("a text went on after its end: %v", err)
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

// lines reads pieces with Lines.
func lines(t testing.TB, pieces ...string) []string {
	t.Helper()
	var out []string
	keep := func(data []byte) error {
		out = append(out, string(data))
		return nil
	}
	l := stream.NewLines(1 << 10)
	for _, p := range pieces {
		if err := l.Write([]byte(p), keep); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Finish(keep); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLines(t *testing.T) {
	for text, want := range map[string][]string{
		"a\nb\n": {"a", "b"}, "a\r\nb": {"a", "b"}, "\n\na\n\r\n": {"a"}, "": nil, "a": {"a"}, "a\rb\n": {"a\rb"},
	} {
		if got := lines(t, text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
		if got := lines(t, strings.Split(text, "")...); !slices.Equal(got, want) {
			t.Errorf("%q by characters: %q", text, got)
		}
	}
	if err := stream.NewLines(10).Write(make([]byte, 11), nil); !errors.Is(err, stream.ErrSize) {
		t.Error(err)
	}
}

// FuzzLines holds the reader against itself fed in two pieces.
func FuzzLines(f *testing.F) {
	f.Add("a\r\nb\n\nc", 2)
	f.Fuzz(func(t *testing.T, s string, at int) {
		if len(s) > 900 {
			return
		}
		at = max(0, min(at, len(s)))
		if got, want := lines(t, s[:at], s[at:]), lines(t, s); !slices.Equal(got, want) {
			t.Fatalf("%q cut at %d: %q, whole %q", s, at, got, want)
		}
	})
}

// Whatever its line ends, a stream is read in time that grows with its size: each byte is looked at a few times.
func TestLineEndsAreFoundOnce(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n", "\n\r", "a\n", "a\r", "a\r\n"} {
		parsing := func(n int) func() {
			s := []byte(strings.Repeat(end, n/len(end)))
			return func() {
				if err := stream.NewParser(1<<20).Write(s, func([]byte) error { return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		testkit.CostsAtMost(t, fmt.Sprintf("%q", end), 48, parsing(1<<20), parsing(1<<16)) // 16 times the length
	}
}

// Texts that have ended are not looked at again: a stream may begin a thousand and end one with each event.
func TestFinishAsksAboutOpenTextsOnly(t *testing.T) {
	h := stream.NewHold[int](1 << 20)
	const n = 1000
	for i := range n {
		if err := h.Begin(i, nothing{}); err != nil {
			t.Fatal(err)
		}
	}
	asked := 0
	for i := range n {
		if err := h.Finish(func(k int) bool { asked++; return k == i }); err != nil {
			t.Fatal(err)
		}
	}
	if most := n * (n + 1) / 2; asked > most {
		t.Errorf("asked %d times, want at most %d", asked, most)
	}
	asked = 0
	if err := h.Finish(func(int) bool { asked++; return true }); err != nil || asked != 0 {
		t.Errorf("asked %d times about texts that have ended; %v", asked, err)
	}
	if err := h.Event([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := h.Text(i, 0, []byte("x")); !errors.Is(err, stream.ErrEnded) {
			t.Fatalf("text %d goes on: %v", i, err)
		}
	}
	h.Reset(1 << 20)
	if err := h.Finish(func(int) bool { asked++; return true }); err != nil || asked != 0 {
		t.Errorf("asked %d times about texts of another stream; %v", asked, err)
	}
}

// nothing is a scanner that finds nothing.
type nothing struct{}

func (nothing) Write(ms []stream.Match, _ []byte) ([]stream.Match, int, error) { return ms, 0, nil }
func (nothing) Finish(ms []stream.Match) ([]stream.Match, error)               { return ms, nil }

// Of a match that begins in what was released before a text, the part within the text is taken out, and events are held for it as for any other.
func TestBeforeAText(t *testing.T) {
	h := stream.NewHold[string](1 << 10)
	if err := h.Before("b", nil); !errors.Is(err, stream.ErrEnded) {
		t.Error("a text that has not begun:", err)
	}
	leak, err := detect.NewLeak([]string{"canary-1234"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := leak.Start()
	if err := errors.Join(h.Begin("b", &s), h.Before("b", []byte("it is cana"))); err != nil {
		t.Fatal(err)
	}
	var out []string
	release := func() {
		h.Release(func(data []byte, edits []stream.Edit) {
			out = append(out, fmt.Sprint(string(data), edits))
		})
	}
	for _, p := range []string{"ry-", "1234", " now"} {
		if err := errors.Join(h.Event([]byte(p)), h.Text("b", 7, []byte(p))); err != nil {
			t.Fatal(err)
		}
		release()
	}
	if err := h.Finish(nil); err != nil {
		t.Fatal(err)
	}
	release()
	if want := []string{"ry-[{7 0 3 }]", "1234[{7 0 4 }]", " now[]"}; !slices.Equal(out, want) {
		t.Errorf("%q, want %q", out, want)
	}
	if err := h.Before("b", nil); !errors.Is(err, stream.ErrEnded) {
		t.Error("a text that has ended:", err)
	}
}
