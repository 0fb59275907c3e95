package sha256x

import (
	"crypto/fips140"
	"encoding"
	"encoding/binary"
	"hash"
	"slices"
)

const (
	blockSize = 64
	// Most is how many streams are hashed at once at most.
	Most = 16
	// maxBlocks is how many blocks of all streams together one call of assembly works on: the scheduler and the garbage
	// collector cannot interrupt it, and this is about a quarter of a millisecond.
	maxBlocks = 8192
)

// kernels says what assembly there is.
type kernels struct {
	pair bool // blocks2
	many int  // streams from which on blocks16 is faster than what else there is; 0: there is no blocks16
}

func usable() kernels {
	if fips140.Enabled() {
		return kernels{}
	}
	return available()
}

// Together returns how many of so many streams, at least 1, one core should hash at once: all of them up to [Most] where
// there are enough to fill vectors, else two where pairs are faster than single streams, else one.
func Together(streams int) int { return usable().together(streams) }

func (k kernels) together(streams int) int {
	switch {
	case k.many > 0 && streams >= k.many:
		return min(streams, Most)
	case k.pair:
		return min(streams, 2)
	}
	return 1
}

// Streams hashes several streams at once. The zero value is ready. It holds no stream's state between two calls, only
// scratch memory, and must not be used by two goroutines at a time.
type Streams struct {
	all     [Most]state
	running []*state // of all
	h       [8][Most]uint32
}

// Write writes p[i] to h[i] for all i; the hashes must be different ones. The result is that of h[i].Write(p[i]). It is
// fastest where the slices are equally long and there are as many as [Together] says.
func (s *Streams) Write(h []hash.Hash, p [][]byte) {
	k := usable()
	for len(h) > 0 {
		n := min(len(h), Most)
		s.write(k, h[:n], p[:n])
		h, p = h[n:], p[n:]
	}
}

// write is Write for at most Most streams. What a kernel cannot take goes through Write of its own hash.
func (s *Streams) write(k kernels, h []hash.Hash, p [][]byte) {
	s.running = s.running[:0]
	for i := range h {
		x := &s.all[i]
		x.hash, x.p, x.done = h[i], p[i], 0
		if k.together(len(h)) > 1 && len(x.p) >= 2*blockSize && x.load() {
			s.running = append(s.running, x)
		}
	}
	for k.many > 0 && s.drop() >= k.many {
		s.sixteen()
	}
	for k.pair && s.drop() >= 2 {
		s.pair()
	}
	for i := range h {
		x := &s.all[i]
		if x.done > 0 {
			x.store()
		}
		h[i].Write(x.p)
		x.hash, x.p = nil, nil
	}
}

// drop forgets streams that have no whole block left and returns how many are still running, the longest first.
func (s *Streams) drop() int {
	s.running = slices.DeleteFunc(s.running, func(x *state) bool { return x.blocks() == 0 })
	slices.SortFunc(s.running, func(x, y *state) int { return y.blocks() - x.blocks() })
	return len(s.running)
}

// pair hashes what the two longest streams have both.
func (s *Streams) pair() {
	a, b := s.running[0], s.running[1]
	n := min(b.blocks(), maxBlocks/2)
	blocks2(&a.h, &b.h, a.p[:n*blockSize], b.p[:n*blockSize])
	a.advance(n)
	b.advance(n)
}

// sixteen hashes what all running streams have.
func (s *Streams) sixteen() {
	last := len(s.running) - 1
	n := min(s.running[last].blocks(), maxBlocks/Most)
	var from [Most]*byte
	for i := range from {
		x := s.running[min(i, last)] // a place without a stream repeats the last one's work
		from[i] = &x.p[0]
		for j, w := range x.h {
			s.h[j][i] = w
		}
	}
	blocks16(&s.h, &from, n)
	for i, x := range s.running {
		for j := range x.h {
			x.h[j] = s.h[j][i]
		}
		x.advance(n)
	}
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

// A state is what is known of one stream while Write runs.
type state struct {
	hash  hash.Hash
	p     []byte // what is left to write
	done  int    // blocks that h is ahead of hash
	saved [savedSize]byte
	h     [8]uint32
}

func (s *state) blocks() int { return len(s.p) / blockSize }

func (s *state) advance(n int) {
	s.p = s.p[n*blockSize:]
	s.done += n
}

// load takes the state out of the hash after its unfinished block was filled from p. It reports whether the hash is of the
// one kind that is known here; p is what is not written yet in either case.
func (s *state) load() bool {
	if !s.save() {
		return false
	}
	if odd := s.length() % blockSize; odd != 0 {
		fill := min(blockSize-int(odd), len(s.p))
		s.hash.Write(s.p[:fill])
		if s.p = s.p[fill:]; !s.save() || s.length()%blockSize != 0 {
			return false
		}
	}
	for i := range s.h {
		s.h[i] = binary.BigEndian.Uint32(s.saved[len(magic)+4*i:])
	}
	return true
}

func (s *state) save() bool {
	from, ok := s.hash.(encoding.BinaryAppender)
	if _, to := s.hash.(encoding.BinaryUnmarshaler); !ok || !to {
		return false
	}
	b, err := from.AppendBinary(s.saved[:0])
	return err == nil && len(b) == savedSize && &b[0] == &s.saved[0] && string(b[:len(magic)]) == magic
}

func (s *state) length() uint64 { return binary.BigEndian.Uint64(s.saved[savedSize-8:]) }

// store puts the state back into the hash.
func (s *state) store() {
	for i, w := range s.h {
		binary.BigEndian.PutUint32(s.saved[len(magic)+4*i:], w)
	}
	binary.BigEndian.PutUint64(s.saved[savedSize-8:], s.length()+uint64(s.done)*blockSize)
	if err := s.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.saved[:]); err != nil {
		panic("sha256x: internal error: " + err.Error())
	}
}
