package detect

import (
	"strings"
	"testing"
)

// What is taken eight bytes at a time is what one byte at a time would do the same to.
func FuzzLowerRun(f *testing.F) {
	for _, s := range []string{"The Quick Brown Fox, 42 times; and again", "two  spaces are one", "i g n o r e all of this text", "zero\x00byte and del\x7fete in a text", "caf\u00e9 and more of it", "it's a U.S. thing, a b-side"} {
		for pad := range 9 {
			f.Add([]byte(strings.Repeat("x", pad)+s+strings.Repeat("y", 20)), pad%2 == 0, pad%3 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, space, start bool) {
		dst := make([]byte, len(text))
		k := lowerRun(dst, text, space, start)
		at := func(i int) bool { // in a word
			if i < 0 {
				return !start
			}
			return i < len(text) && asciiWord(text[i])
		}
		for i, c := range text[:k] {
			blank := space
			if i > 0 {
				blank = text[i-1] <= ' '
			}
			switch {
			case c > '~' || dst[i] != max(lowered[c], ' '):
				t.Fatalf("byte %d: %q becomes %q", i, text, dst[:k])
			case c <= ' ' && blank:
				t.Fatalf("a second space at %d in %q", i, text)
			case !at(i-1) && at(i) && !at(i+1) && at(i+2) && !at(i+3):
				t.Fatalf("letters that may be spelled out at %d in %q", i, text)
			}
		}
	})
}
