package detect

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func prose(n int) []byte {
	const s = "The keeper climbed the stairs each evening, lit the lamp, and wrote the weather into a book. \"Nothing to report,\" he wrote.\n"
	return []byte(strings.Repeat(s, n/len(s)+1)[:n])
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
