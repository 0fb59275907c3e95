//go:build !noasm

package detect

import "golang.org/x/sys/cpu"

var wideBytes = cpu.X86.HasAVX2

// lowerWords is lowerRun in steps of lowerStep bytes. Behind each step lowerAhead bytes must follow in both.
// before and wordBefore are 1 for what is true of the byte before.
//
//go:noescape
func lowerWords(dst, text *byte, steps int, before, wordBefore uint32) (done int)

const lowerAhead = 4

// lowerMany is lowerRun, of whole steps where there is room for one, which is written then.
func lowerMany(dst, text []byte, space, start bool) int {
	steps := (min(len(dst), len(text)) - lowerAhead) / lowerStep
	if !wideBytes || steps <= 0 {
		return lowerRun(dst, text, space, start)
	}
	var before, wordBefore uint32
	if space {
		before = 1
	}
	if !start {
		wordBefore = 1
	}
	return lowerWords(&dst[0], &text[0], steps, before, wordBefore)
}

// unitsOf turns chunks of 16 bytes of ASCII into units. It returns how many it read in front of the first byte that may end a sentence or is
// not ASCII; what it wrote behind those is for the caller to write again.
//
//go:noescape
func unitsOf(units *uint16, text *byte, chunks int) (n int)

func (x *features) plain(text []byte, most, n int) (k int) {
	most = min(most, maxUnits+1-n)
	if chunks := min((most+15)/16, len(text)/16, (len(x.units)-n)/16); wideBytes && chunks > 0 {
		k = unitsOf(&x.units[n], &text[0], chunks)
		if k < 16*chunks || k >= most {
			return min(k, most)
		}
	}
	return k + x.plainGo(text[k:], most-k, n+k)
}

// maskOf is maskGo of 64 bytes; of those that are not ASCII all may be in it if some are. masksOf is that of three sets.
//
//go:noescape
func maskOf(a *byteRows, text *byte) uint64

//go:noescape
func masksOf(a, b, c *byteRows, text *byte) (inA, inB, inC uint64)

// mask has bit i set where text[i] is in the set, of the first 64 bytes; of those that are not ASCII all may be if some are.
func (s *byteSet) mask(text []byte) uint64 {
	if !wideBytes {
		return s.maskGo(text)
	}
	if len(text) < 64 {
		var last [64]byte
		some := uint64(1)<<copy(last[:], text) - 1
		return maskOf(&s.byteRows, &last[0]) & some
	}
	return maskOf(&s.byteRows, &text[0])
}

func breaksIn(text *[64]byte) (marks, letters, odd uint64) {
	if !wideBytes {
		return breaksInGo(text)
	}
	return masksOf(&breakSet.byteRows, &letterSet.byteRows, &oddSet.byteRows, &text[0])
}
