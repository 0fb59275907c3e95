package detect

import (
	"fmt"
	"testing"
	"unicode/utf8"
)

// prose is text that does not repeat itself soon: neither branch prediction nor the caches know it by heart.
func prose(n int) []byte {
	who := [...]string{"The keeper", "My neighbour", "An old sailor", "The new pilot", "Her brother", "A visitor", "The mate"}
	what := [...]string{"climbed the stairs", "wrote a letter", "waited for the ferry", "painted the boat", "mended two nets", "counted the sacks", "bought some bread", "read about the storm", "lit the lamp"}
	when := [...]string{"each evening", "before the tide turned", "on Tuesday", "in the rain", "without a word", "as the lights went on", "after lunch", "while the others slept", "at half past six", "for an hour", "with cold hands"}
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%s %s %s, and then went home. ", who[i%len(who)], what[i%len(what)], when[i%len(when)])
	}
	return b[:n]
}

func BenchmarkRules1KiB(b *testing.B) {
	r, err := NewRules()
	if err != nil {
		b.Fatal(err)
	}
	text := prose(1 << 10)
	v := View{Spans: []Span{{Trust: TrustUser, Text: text}}}
	b.Run("detect", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if f, err := r.Detect(b.Context(), v, nil); len(f) != 0 || err != nil {
				b.Fatal(f, err)
			}
		}
	})
	b.Run("normalise", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		var t Text
		for b.Loop() {
			t.Reset()
			t.Append(text, 0)
		}
	})
	b.Run("read", func(b *testing.B) { // the limit: one pass of validation and one of counting
		b.SetBytes(int64(len(text)))
		var hist [256]int
		for b.Loop() {
			if !utf8.Valid(text) {
				b.Fatal()
			}
			for _, c := range text {
				hist[c]++
			}
		}
	})
}
