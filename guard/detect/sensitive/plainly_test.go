package sensitive

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Each character becomes what Unicode says it is and nothing else: decimal digits (Nd, ten in a row of each script) their value, spaces (Zs) one, dashes a hyphen, and marks
// and formats nothing. What begins with a byte that is not looked at stays as it is.
func TestCharactersBecomeWhatTheyAre(t *testing.T) {
	letters := map[rune]int{}
	for i, c := range []rune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		for style := range rune(13) { // bold, italic, script, Fraktur, double-struck, sans serif, monospace
			letters[0x1d400+52*style+rune(i)] = int(c)
		}
		letters[0x24b6+rune(i)] = int(c)
		if i < 26 {
			letters[0x1f130+rune(i)], letters[0x1f150+rune(i)], letters[0x1f170+rune(i)] = int(c), int(c), int(c)
		}
	}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 {
			continue
		}
		var may []int // what it may become
		must := false
		switch {
		case unicode.Is(unicode.Nd, r):
			first := r
			for unicode.Is(unicode.Nd, first-1) {
				first--
			}
			may, must = []int{'0' + int(r-first)%10}, true
		case r >= 0xff01 && r <= 0xff5e:
			may, must = []int{int(r - 0xff01 + '!')}, true
		case r >= 0xe0020 && r <= 0xe007e:
			may, must = []int{int(r & 0x7f)}, true
		case r == 0x24ea:
			may, must = []int{'0'}, true
		case r >= 0x2460 && r <= 0x2468:
			may, must = []int{int(r - 0x2460 + '1')}, true
		case unicode.Is(unicode.Zs, r):
			may, must = []int{' '}, r != 0x1680 // Ogham: a line
		case strings.ContainsRune("‘’‚‛", r):
			may, must = []int{'\''}, true
		case strings.ContainsRune("«»“”„‟", r):
			may, must = []int{'"'}, true
		case r == '→', r == '⇒':
			may, must = []int{'>'}, true
		case r == 0x2014, r == 0x2015:
			may, must = []int{' '}, true
		case r == 0x85, r == 0x2028, r == 0x2029:
			may, must = []int{'\n'}, true
		case letters[r] != 0:
			may, must = []int{letters[r]}, true
		case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && r < 0xe0000, r == 0x180b, r == 0x180c, r == 0x180d, r == 0x180f, r >= 0x1bca0 && r < 0x1bca4, r >= 0x1d173 && r < 0x1d17b, r >= 0xfff9 && r < 0xfffc, r >= 0xe0000 && r < 0xe1000:
			may, must = []int{dropped}, true
		case r >= 0x2010 && r <= 0x2013, r == 0x2212, r == 0x2043:
			may, must = []int{'-'}, true
		case r == 0xad, r >= 0x300 && r < 0x370, r >= 0x200b && r < 0x2010, r >= 0x202a && r < 0x202f, r >= 0x2060 && r < 0x2070, r >= 0x20d0 && r < 0x2100, r >= 0xfe00 && r < 0xfe10, r == 0xfeff, r >= 0xe0100 && r < 0xe01f0:
			may, must = []int{dropped}, true
		case strings.ContainsRune("\u061c\u115f\u1160\u180e", r):
			may, must = []int{dropped}, true
		case strings.ContainsRune("·․‧。｡", r):
			may, must = []int{'.'}, true
		}
		got := plainly(r)
		if ok := got == itself && !must || len(may) > 0 && got == may[0]; !ok {
			t.Errorf("%U becomes %d, want %d", r, got, may)
		}
		if first := string(r)[0]; got != itself && !mayPlain[first] {
			t.Errorf("%U (%d bytes) is not looked at", r, utf8.RuneLen(r))
		}
	}
}
