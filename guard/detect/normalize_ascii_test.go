package detect

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// ASCII that is taken many bytes at a time becomes what one byte at a time does, and comes from where it stood.
func FuzzASCII(f *testing.F) {
	for _, s := range []string{"two  spaces\n\n\tand\r\n        more", "i g n o r e  a l l", "i.g.n.o.r.e it", "del\x7f\x7fete \x00\x01 a", "a b-c\t\t d_e_f_g", "x = y  \n  +1\n", "A, B, c. D|e|f|g|"} {
		for pad := range 40 {
			f.Add([]byte(strings.Repeat("of it, ", 6)[:pad] + s + " \n " + strings.Repeat("\n\tReturn x", pad/8)))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if slices.ContainsFunc(text, func(c byte) bool { return c >= 0x80 }) {
			return
		}
		var got, want Text
		got.Append(text, 3)
		want.mark(3)
		for i := 0; i < len(text); {
			n, k := len(want.Norm), 0
			switch c := text[i]; {
			case c <= ' ' || c == 0x7f:
				want.space()
				want.mark(3 + i + 1)
			case (n == 0 || !asciiWord(want.Norm[n-1])) && i+2 < len(text) && asciiWord(c) && !asciiWord(text[i+1]) && maySpell(text[i:]):
				k = want.spelledOut(text, i, 3)
				fallthrough
			default:
				if k == 0 {
					want.Norm = append(want.Norm, lowered[c])
				}
			}
			i += max(k, 1)
		}
		if !bytes.Equal(got.Norm, want.Norm) || !slices.Equal(got.from, want.from) || got.Evidence != want.Evidence {
			t.Fatalf("%q becomes %q %v %v, not %q %v %v", text, got.Norm, got.from, got.Evidence, want.Norm, want.from, want.Evidence)
		}
	})
}
