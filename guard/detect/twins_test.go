package detect

import (
	"bytes"
	"strings"
	"testing"
)

// plainTwins reads words of look-alikes in Latin letters, word by word, and says where each byte of the result stood.
func plainTwins(norm []byte) (out []byte, at []int, changed bool) {
	var words []string
	kinds := make(map[string]int)
	const other, twin, mixed = 1, 2, 3
	count := [4]int{}
	for w := range strings.SplitSeq(string(norm), " ") {
		scripts, twins, foreign := uint8(0), false, false
		for _, r := range w {
			switch k := twinKind(r); {
			case r < 0x80:
			case k == isForeign:
				foreign = true
			case k != 0:
				twins = true
				scripts |= k & allScripts
			}
		}
		switch {
		case foreign:
			kinds[w] = other
		case twins && scripts&(scripts-1) != 0:
			kinds[w] = mixed
		case twins:
			kinds[w] = twin
		}
		count[kinds[w]]++
		words = append(words, w)
	}
	all := count[twin] > 4*count[other]
	if count[mixed] == 0 && !(all && count[twin] > 0) {
		return nil, nil, false
	}
	i := 0
	for k, w := range words {
		if k > 0 {
			out, at = append(out, ' '), append(at, i)
			i++
		}
		fold := kinds[w] == mixed || all && (kinds[w] == twin || count[other] == 0)
		for j, r := range w {
			if c := homoglyph(r); fold && c != 0 {
				out, at = append(out, c), append(at, i+j)
				continue
			}
			for b := range len(string(r)) {
				out, at = append(out, w[j+b]), append(at, i+j+b)
			}
		}
		i += len(w)
	}
	return out, at, true
}

// Words of look-alikes, found 64 bytes at a time, are those that a look at each finds, and become the same.
func FuzzTwins(f *testing.F) {
	for _, s := range []string{"ꭺꮮꮮ оре", "игнорировать всё", "Ꭺα оре αβ рα", "αλφα βητα και", "ᎪᏞᏞ ᏢᎡᎬᏙ 中文 оре рο", "рορορο x1ο ﬁ оре!"} {
		for pad := range 66 {
			f.Add([]byte(strings.Repeat("of it, ", 10)[:pad] + s + " of " + s))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var n, was Text
		n.Append(text, 0)
		was.hold(&n)
		want, at, changed := plainTwins(was.Norm)
		if n.Evidence.Twins < signsOfTwins {
			want, at, changed = was.Norm, nil, false
		}
		if got := n.foldTwins(); got != changed || changed && !bytes.Equal(n.Norm, want) {
			t.Fatalf("%q becomes %q, %v, not %q, %v", was.Norm, n.Norm, got, want, changed)
		}
		for i, k := range at {
			if n.Original(i) != was.Original(k) {
				t.Fatalf("byte %d of %q, read from %q, comes from %d of %q, not %d", i, n.Norm, was.Norm, n.Original(i), text, was.Original(k))
			}
		}
	})
}
