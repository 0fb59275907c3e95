//go:build !noasm

package detect

import "golang.org/x/sys/cpu"

// table is that of the model that this package is released with. Others go through plain Go.
type table [1 << 18]uint32

// assembly says that the processor has what visitUnits needs: RORX of BMI2.
var assembly = cpu.X86.HasBMI2

// visitHashes is visitGo of n hashes from grams on, at least one. now is shifted by weightBits.
//
//go:noescape
func visitHashes(entries *table, now uint32, grams *uint32, n int)

// visitUnits is charactersGo of n units from units on, at least one; in front of them there is one more in memory. gram is those before, one to each twelve bits; it returns
// the last three.
//
//go:noescape
func visitUnits(entries *table, now uint32, units *uint16, n int, gram uint64, grams *uint32) (last uint64)

// sumEntries is sumGo of eights of entries, at least one, with 128 too much in the weights for each that counts. now is shifted by weightBits, and ones below it.
//
//go:noescape
func sumEntries(entries *uint32, eights int, now uint32, out *sum)

func (s *seenFilter) visit(grams []uint32) {
	if len(s.entry) != len(table{}) || len(grams) == 0 {
		s.visitGo(grams)
		return
	}
	visitHashes((*table)(s.entry), s.now<<weightBits, &grams[0], len(grams))
}

func (s *seenFilter) characters(x *features) {
	units := x.units[1 : x.last+1]
	if !assembly || len(s.entry) != len(table{}) || len(units) == 0 {
		s.charactersGo(x)
		return
	}
	grams := x.grams[:2*len(units)]
	x.gram = visitUnits((*table)(s.entry), s.now<<weightBits, &units[0], len(units), x.gram, &grams[0])
}

// sum is sumGo. Behind the entries there is room for seven more, which it fills with some that do not count.
func (s *seenFilter) sum(entries []uint32, n int, out *sum) {
	if !wideBytes || n == 0 {
		s.sumGo(entries, n, out)
		return
	}
	now := s.now<<weightBits | maxWeight
	eights := (n + 7) / 8
	behind := entries[n : n+7]
	for i := range behind { // one by one: sumEntries reads them before a copy would be in memory
		behind[i] = now
	}
	sumEntries(&entries[:8*eights][0], eights, now, out)
	for k := range out.n {
		out.weight[k] -= 128 * out.n[k]
	}
}
