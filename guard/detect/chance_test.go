package detect

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// Letters by chance are those of no language: neither moved in the alphabet nor backwards.
func TestLettersByChance(t *testing.T) {
	const blocks = 500
	r := rand.New(rand.NewPCG(1, 2))
	chance, backwards := 0, 0
	for range blocks {
		b := make([]byte, alphabetBlock*3/4)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		var s scratch
		s.text.Append([]byte(base64.StdEncoding.EncodeToString(b)), 0)
		best, _ := moved(s.text.Norm)
		if best.byChance(s.text.Norm, false) {
			chance++
		}
		if s.againstTheGrain([]Span{{Text: s.text.Norm}}) {
			backwards++
		}
	}
	if chance < blocks*90/100 || backwards > blocks*8/100 {
		t.Errorf("of %d blocks of base64 %d are letters by chance and %d backwards", blocks, chance, backwards)
	}
	english := Text{}
	english.Append(prose(4<<10), 0)
	for start := 0; start+alphabetBlock <= len(english.Norm); start += alphabetBlock {
		block := english.Norm[start : start+alphabetBlock]
		to := turn{end: alphabetBlock, shift: 13}
		to.put(block)
		if back, ok := moved(block); ok && back.byChance(block, false) {
			t.Errorf("%q is letters by chance", block)
		}
	}
	if ahead, back := direction([]byte("0-1;0-1 3)4 0x8,0x9 0-1;0-1")); ahead+back > 0 {
		t.Errorf("digits have %d pairs of letters ahead and %d backwards", ahead, back)
	}
}
