// Package digest computes the digests that a model signature lists: of whole files, or of their shards, with any of the
// format's hashes. It is the one place where the hashes outside the standard library come from.
package digest

import (
	"crypto/sha256"
	"hash"

	"github.com/zeebo/blake3"
	"golang.org/x/crypto/blake2b"

	"github.com/holdfast-ai/holdfast/internal/sha256x"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// Hash returns the constructor of algorithm, one of [manifest.SHA256], [manifest.BLAKE2b] and [manifest.BLAKE3], or nil.
func Hash(algorithm string) func() hash.Hash {
	switch algorithm {
	case manifest.SHA256:
		return sha256.New
	case manifest.BLAKE2b:
		return func() hash.Hash {
			h, err := blake2b.New512(nil)
			if err != nil {
				panic("digest: internal error: " + err.Error()) // only a key can be wrong
			}
			return h
		}
	case manifest.BLAKE3:
		return func() hash.Hash { return blake3.New() }
	}
	return nil
}

// A Stream takes the bytes of one file in order and hashes them as a whole, or shard by shard.
type Stream struct {
	new   func() hash.Hash
	shard int64 // bytes of a shard; 0: one digest of everything

	h    hash.Hash
	left int64 // bytes until the end of the shard
	sums [][]byte
}

// New returns a Stream for algorithm, which [Hash] must know, with shards of shardSize bytes, or none where it is 0.
func New(algorithm string, shardSize int64) *Stream {
	s := &Stream{new: Hash(algorithm), shard: shardSize}
	if shardSize == 0 {
		s.h = s.new()
	}
	return s
}

// Add hashes the next bytes of the file.
func (s *Stream) Add(p []byte) {
	for len(p) > 0 {
		now := s.begin(p)
		s.h.Write(now)
		p = p[len(now):]
	}
}

// begin returns the prefix of p, which is not empty, that s.h must be given next.
func (s *Stream) begin(p []byte) []byte {
	if s.shard == 0 {
		return p
	}
	if s.left == 0 {
		s.cut()
		s.left = s.shard
	}
	p = p[:min(int64(len(p)), s.left)]
	s.left -= int64(len(p))
	return p
}

// cut ends one shard and begins the next.
func (s *Stream) cut() {
	if s.h == nil {
		s.h = s.new()
		return
	}
	s.sums = append(s.sums, s.h.Sum(nil))
	s.h.Reset()
}

// Sums ends the stream and returns the digests in the order of the bytes: one of a whole file, one for each shard, none for
// an empty file in shards. It must be called once.
func (s *Stream) Sums() [][]byte {
	if s.h != nil {
		s.sums = append(s.sums, s.h.Sum(nil))
	}
	return s.sums
}

// Together returns how many of so many streams with algorithm, at least 1, one core should hash at once in a [Group].
func Together(algorithm string, streams int) int {
	if algorithm != manifest.SHA256 {
		return 1
	}
	return sha256x.Together(streams)
}

// A Group hashes several streams at once, which one core does faster than one after the other ([sha256x.Streams]). The zero
// value is ready. It is for one goroutine.
type Group struct {
	x     sha256x.Streams
	h     []hash.Hash
	now   [][]byte
	later [][]byte
}

// Add adds p[i] to s[i] for all i; the streams must be different ones.
func (g *Group) Add(s []*Stream, p [][]byte) {
	g.later = append(g.later[:0], p...)
	for more := true; more; {
		more = false
		g.h, g.now = g.h[:0], g.now[:0]
		for i, b := range g.later {
			if len(b) == 0 {
				continue
			}
			now := s[i].begin(b)
			g.h, g.now = append(g.h, s[i].h), append(g.now, now)
			g.later[i] = b[len(now):]
			more = more || len(g.later[i]) > 0
		}
		g.x.Write(g.h, g.now)
	}
	clear(g.h)
	clear(g.now)
}
