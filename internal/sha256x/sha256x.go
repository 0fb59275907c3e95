package sha256x

import (
	"crypto/fips140"
	"encoding"
	"encoding/binary"
	"hash"
)

const (
	blockSize = 64
	// maxBlocks is how many blocks one call of assembly works on: the scheduler and the garbage collector cannot interrupt
	// it, and this is about a quarter of a millisecond.
	maxBlocks = 4096
)

// Lanes returns how many streams [Streams.Write] hashes at once on this machine: 1 where there is nothing to gain.
func Lanes() int {
	if fips140.Enabled() {
		return 1
	}
	return lanes()
}

// Streams hashes several streams at once. The zero value is ready. It holds no stream's state between two calls, only
// scratch memory, and must not be used by two goroutines at a time.
type Streams struct {
	a, b state
}

// Write writes pa to a and pb to b, which must be different hashes; the result is that of a.Write(pa) and b.Write(pb).
// It is fastest where both slices are equally long.
func (s *Streams) Write(a, b hash.Hash, pa, pb []byte) {
	if Lanes() > 1 && min(len(pa), len(pb)) >= 2*blockSize {
		pa, pb = s.pair(a, b, pa, pb)
	}
	a.Write(pa)
	b.Write(pb)
}

// pair hashes what both slices have in whole blocks and returns what remains of them.
func (s *Streams) pair(a, b hash.Hash, pa, pb []byte) (resta, restb []byte) {
	pa, oka := s.a.load(a, pa)
	pb, okb := s.b.load(b, pb)
	n := min(len(pa), len(pb)) / blockSize
	if !oka || !okb || n == 0 {
		return pa, pb
	}
	for left := n; left > 0; {
		k := min(left, maxBlocks)
		blocks2(&s.a.h, &s.b.h, pa[:k*blockSize], pb[:k*blockSize])
		pa, pb = pa[k*blockSize:], pb[k*blockSize:]
		left -= k
	}
	s.a.store(a, n)
	s.b.store(b, n)
	return pa, pb
}

// The saved form of a crypto/sha256 state:
//
//	magic [4]byte || h [8]uint32 || unfinished block [64]byte || length in bytes uint64
//
// all big-endian. It is what programs keep on disk to go on hashing later, so it cannot change under the same magic.
const (
	magic     = "sha\x03"
	savedSize = len(magic) + 8*4 + blockSize + 8
)

// state is the state of one stream between blocks.
type state struct {
	saved [savedSize]byte
	h     [8]uint32
}

// load takes the state out of h after its unfinished block was filled from p, and returns the rest of p. It reports
// whether h is of the one kind that is known here; p is as good as written up to the rest in either case.
func (s *state) load(h hash.Hash, p []byte) (rest []byte, ok bool) {
	if !s.save(h) {
		return p, false
	}
	if odd := s.length() % blockSize; odd != 0 {
		fill := min(blockSize-int(odd), len(p))
		h.Write(p[:fill])
		if p = p[fill:]; !s.save(h) || s.length()%blockSize != 0 {
			return p, false
		}
	}
	for i := range s.h {
		s.h[i] = binary.BigEndian.Uint32(s.saved[len(magic)+4*i:])
	}
	return p, true
}

func (s *state) save(h hash.Hash) bool {
	from, ok := h.(encoding.BinaryAppender)
	if _, to := h.(encoding.BinaryUnmarshaler); !ok || !to {
		return false
	}
	b, err := from.AppendBinary(s.saved[:0])
	return err == nil && len(b) == savedSize && &b[0] == &s.saved[0] && string(b[:len(magic)]) == magic
}

func (s *state) length() uint64 { return binary.BigEndian.Uint64(s.saved[savedSize-8:]) }

// store puts the state back into h, n blocks later.
func (s *state) store(h hash.Hash, n int) {
	for i, w := range s.h {
		binary.BigEndian.PutUint32(s.saved[len(magic)+4*i:], w)
	}
	binary.BigEndian.PutUint64(s.saved[savedSize-8:], s.length()+uint64(n)*blockSize)
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.saved[:]); err != nil {
		panic("sha256x: internal error: " + err.Error())
	}
}
