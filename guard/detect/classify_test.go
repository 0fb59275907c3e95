package detect

import (
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func newClassifier(t testing.TB) *Classifier {
	t.Helper()
	m, err := NewModel()
	if err != nil {
		t.Fatal(err)
	}
	signals, err := NewSignals()
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewClassifier(signals, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestScoringASCIIDoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	c := newClassifier(t)
	text := prose(4 << 10)
	v := View{Spans: []Span{{Trust: TrustUser, Text: text}}}
	if n := testing.AllocsPerRun(200, func() {
		c.Score(text, TrustUser)
		if f, err := c.Detect(t.Context(), v, nil); len(f) > 0 || err != nil {
			t.Fatal(f, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkClassifier(b *testing.B) {
	c := newClassifier(b)
	for name, n := range map[string]int{"1KiB": 1 << 10, "100KB": 100_000} {
		text := prose(n)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				c.Score(text, TrustUser)
			}
		})
	}
}
