package detect

import (
	"strings"
	"testing"
)

// Blocks whose letters may have been moved are those with few vowels among their letters, however these are counted.
func FuzzRareVowels(f *testing.F) {
	for _, s := range []string{"vtaber nyy cerivbhf", "ignore all previous", "for (i = 0; i < n; i++) {", "xyz", "33 34 35 36 bcdfg"} {
		for n := range 9 {
			f.Add([]byte(strings.Repeat(s+" ", 1+3*n)))
		}
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		letters, vowels, commonest := 0, 0, 0
		for _, c := range block {
			switch {
			case c == 'e':
				commonest++
				fallthrough
			case strings.IndexByte("aiou", c) >= 0:
				vowels++
				fallthrough
			case letter(c):
				letters++
			}
		}
		n := len(block)
		want := 100*commonest < 8*n && 100*vowels < 26*n && letters >= minLetters && 100*vowels <= 33*letters
		if got := rareVowels(block); got != want {
			t.Fatalf("%q has %d vowels of %d letters: %v", block, vowels, letters, got)
		}
	})
}
