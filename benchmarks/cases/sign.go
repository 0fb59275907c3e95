package cases

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// signReadInto reads a signed file of 16 MiB from memory and verifies it, beside a copy of the same bytes and their SHA-256,
// chunk by chunk, which is the least that any verification on load can do.
func signReadInto() (ratio.Case, error) {
	plain := make([]byte, 16<<20)
	rand.Read(plain)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx := context.Background()
	const name = "model.safetensors"
	src := fstest.MapFS{name: {Data: plain}}
	sig, _, err := sign.Sign(ctx, src, key, sign.SignOptions{})
	if err != nil {
		return ratio.Case{}, err
	}
	m, err := sign.Open(ctx, src, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}, sign.WithBundle(sig))
	if err != nil {
		return ratio.Case{}, err
	}
	dst := make([]byte, len(plain)) // of both sides: memory differs in speed by where it lies
	read := func() error {
		_, err := m.ReadInto(ctx, name, dst)
		return err
	}
	if err := read(); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(dst, plain) {
		return ratio.Case{}, errors.New("sign/readinto: bytes differ")
	}
	want := sha256.Sum256(plain)
	return ratio.Case{
		Name: "sign/readinto", Better: ratio.Lower, Bytes: int64(len(plain)),
		Subject: read,
		Yardstick: func() error {
			h := sha256.New()
			for from, to := plain, dst; len(from) > 0; {
				n := copy(to, from[:min(len(from), 256<<10)])
				h.Write(to[:n])
				from, to = from[n:], to[n:]
			}
			if [32]byte(h.Sum(nil)) != want {
				return errors.New("digest differs")
			}
			return nil
		},
	}, nil
}

// signFiles is a model of some files of equal size in the page cache, whose names are gone already.
type signFiles struct {
	files map[string]*os.File
	tree  fstest.MapFS // names and sizes
	size  int64
}

func newSignFiles(n int, size int64) (*signFiles, error) {
	s := &signFiles{files: map[string]*os.File{}, tree: fstest.MapFS{}, size: size}
	buf := make([]byte, 1<<20)
	for i := range n {
		f, err := os.CreateTemp("", "holdfast-bench")
		if err != nil {
			return nil, err
		}
		if err := os.Remove(f.Name()); err != nil {
			return nil, err
		}
		for range size >> 20 {
			rand.Read(buf)
			if _, err := f.Write(buf); err != nil {
				return nil, err
			}
		}
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, n)
		s.files[name], s.tree[name] = f, &fstest.MapFile{}
	}
	return s, nil
}

func (s *signFiles) close() {
	for _, f := range s.files {
		f.Close()
	}
}

func (s *signFiles) Open(name string) (fs.File, error) {
	if f := s.files[name]; f != nil {
		return sharedFile{f}, nil
	}
	return s.tree.Open(name)
}

func (s *signFiles) Stat(name string) (fs.FileInfo, error) {
	if f := s.files[name]; f != nil {
		return f.Stat()
	}
	return s.tree.Stat(name)
}

// sharedFile is read at offsets and stays open.
type sharedFile struct{ *os.File }

func (sharedFile) Close() error { return nil }

// open signs the files, in shards or as a whole, and opens them as a model.
func (s *signFiles) open(shard int64, opts ...sign.Option) (*sign.Model, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	sig, _, err := sign.Sign(ctx, s, key, sign.SignOptions{ShardSize: shard})
	if err != nil {
		return nil, err
	}
	p := sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}
	return sign.Open(ctx, s, p, append(opts, sign.WithBundle(sig))...)
}

// signVerify verifies a model of n files of size bytes, which lie in the page cache, beside one SHA-256 stream a core over as many
// bytes of memory: what crypto/sha256 does at best, reading not counted. Both keep all cores busy, so CPU time, which other
// processes do not lengthen, stands for wall time. A processor that cannot hash together streams at once has [ErrProcessor].
//
//   - sign/verify/files: four files, so two streams for each of two cores
//   - sign/verify/shards: the same in shards, so more streams than a core can hash at once
//   - sign/verify/many: as many files as that, as large models and adapters have them
//   - sign/verify/standard: four files, with the hash of the standard library alone. The difference is reading and the schedule
func signVerify(name string, together, n int, size, shard int64, opts ...sign.Option) (ratio.Case, error) {
	if digest.Together(manifest.SHA256, together) < together {
		return ratio.Case{}, fmt.Errorf("%s: %w (%d streams of SHA-256 at once on a core)", name, ErrProcessor, together)
	}
	s, err := newSignFiles(n, size)
	if err != nil {
		return ratio.Case{}, err
	}
	m, err := s.open(shard, opts...)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx := context.Background()
	return ratio.Case{
		Name: name, Better: ratio.Lower, Bytes: int64(n) * size, Close: s.close,
		Subject: func() error { return m.VerifyAll(ctx, nil) },
		Yardstick: func() error {
			var todo atomic.Int64
			todo.Store(int64(n))
			var wg sync.WaitGroup
			for range runtime.GOMAXPROCS(0) {
				wg.Go(func() {
					buf := make([]byte, 256<<10)
					for todo.Add(-1) >= 0 {
						h := sha256.New()
						for off := int64(0); off < size; off += int64(len(buf)) {
							h.Write(buf)
						}
						h.Sum(nil)
					}
				})
			}
			wg.Wait()
			return nil
		},
	}, nil
}
