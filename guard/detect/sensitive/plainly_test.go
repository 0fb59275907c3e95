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
		case r >= 0x2010 && r <= 0x2015, r == 0x2212, r == 0x2043:
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
