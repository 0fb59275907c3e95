//go:build !noasm

package detect

import "golang.org/x/sys/cpu"

// table is that of the model that this package is released with. Others go through plain Go.
type table [1 << 18]uint32

// assembly says that the processor has what the assembly needs: RORX of BMI2, and LZCNT, which virtual machines can hide apart. Without it LZCNT is BSR, and scores
// would be wrong in silence.
var assembly = cpu.X86.HasBMI2 && cpu.X86.HasLZCNT

// lookHashes is lookGo of n hashes from grams on, at least one. now is shifted by weightBits, and ones below it.
//
//go:noescape
func lookHashes(entries *table, counts *[33]uint64, now uint32, grams *uint32, n int) (weight, ones uint64)

// lookUnits is charactersGo of n units from units on, at least one; in front of them there is one more in memory. gram is those before, one to each twelve bits; it returns
// the last three.
//
//go:noescape
func lookUnits(entries *table, counts *[33]uint64, now uint32, units *uint16, n int, gram uint64) (weight, ones, last uint64)

func (s *seenFilter) look(grams []uint32) (t tally) {
	if !assembly || len(s.entry) != len(table{}) || len(grams) == 0 {
		return s.lookGo(grams)
	}
	t.weight, t.n = lookHashes((*table)(s.entry), &counts, s.now<<weightBits|maxWeight, &grams[0], len(grams))
	return t
}

// characters looks up the n-grams of three and four characters of a block. It leaves their hashes where they may be words.
func (s *seenFilter) characters(x *features) (t tally) {
	units := x.units[1 : x.last+1]
	if !assembly || len(s.entry) != len(table{}) || len(units) == 0 {
		return s.charactersGo(x)
	}
	if x.flags&wide != 0 {
		x.characters(x.last)
		return s.look(x.grams[:2*x.last])
	}
	t.weight, t.n, x.gram = lookUnits((*table)(s.entry), &counts, s.now<<weightBits|maxWeight, &units[0], len(units), x.gram)
	return t
}
