package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/internal/sha256x"
)

// typeBundle is the artifact type of a Sigstore bundle that refers to a model (cosign, bundle specification).
const typeBundle = "application/vnd.dev.sigstore.bundle.v0.3+json"

const (
	chunk = 256 << 10 // half of the memory in which layers are hashed
	// maxBundles bounds how many signatures of one model are read.
	maxBundles = 64
)

// Verify reads the configuration and all layers and holds them against their descriptors, on GOMAXPROCS cores, and on each as many
// at a time as it hashes best, in 512 KiB of memory. It returns everything that is wrong in one error, the largest blobs first.
// Errors: [ErrDigest], [fs.ErrNotExist], ctx's, and faults of the layout.
func (a *Artifact) Verify(ctx context.Context) error {
	todo := slices.SortedFunc(slices.Values(append(slices.Clone(a.manifest.Layers), a.manifest.Config)), func(x, y descriptor) int {
		return int(min(max(y.Size-x.Size, -1), 1)) // neighbours are about equally long
	})
	todo = slices.CompactFunc(todo, func(x, y descriptor) bool { return x.Digest == y.Digest && x.Size == y.Size })
	workers := min(runtime.GOMAXPROCS(0), len(todo))
	each := (len(todo) + workers - 1) / workers // no second blob on one core before every core has one
	groups := slices.Collect(slices.Chunk(todo, sha256x.Together(each)))
	errs := make([]error, len(groups))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var all sha256x.Streams
			buf := make([]byte, 2*chunk)
			for i := next.Add(1) - 1; int(i) < len(groups) && ctx.Err() == nil; i = next.Add(1) - 1 {
				errs[i] = errors.Join(a.verify(ctx, groups[i], &all, buf)...)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// A stream is a blob that is being read.
type stream struct {
	d   descriptor
	f   fs.File
	buf []byte
	sum hash.Hash
	n   int64
}

// next reads a whole chunk, or, at the end of the blob, says whether it was what its descriptor says.
func (s *stream) next() (more bool, err error) {
	n, err := io.ReadFull(s.f, s.buf)
	s.n += int64(n)
	switch err {
	case nil:
		return true, nil
	case io.EOF, io.ErrUnexpectedEOF:
		s.sum.Write(s.buf[:n])
		if s.n != s.d.Size || digestOf([32]byte(s.sum.Sum(nil))) != s.d.Digest {
			return false, &DigestError{s.d.Digest, "other content"}
		}
		return false, nil
	}
	return false, fmt.Errorf("oci: %s: %w", s.d.Digest, err)
}

// verify holds blobs against their descriptors, in the memory of buf.
func (a *Artifact) verify(ctx context.Context, group []descriptor, all *sha256x.Streams, buf []byte) (errs []error) {
	var open []*stream
	size := len(buf) / len(group)
	for i, d := range group {
		f, err := a.blobs.open(d)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		defer f.Close()
		open = append(open, &stream{d: d, f: f, buf: buf[i*size:][:size], sum: sha256.New()})
	}
	for len(open) > 0 && ctx.Err() == nil {
		open = slices.DeleteFunc(open, func(s *stream) bool {
			more, err := s.next()
			if err != nil {
				errs = append(errs, err)
			}
			return !more
		})
		var sums []hash.Hash
		var data [][]byte
		for _, s := range open {
			sums, data = append(sums, s.sum), append(data, s.buf)
		}
		all.Write(sums, data)
	}
	return errs
}

// Bundles returns the signatures in the layout that refer to the model: Sigstore bundles in artifacts whose subject is its
// manifest. They vouch for nothing until sign.Open, with sign.WithBundle, accepts one.
// Errors: [ErrLayout], [ErrDigest], [fs.ErrNotExist], ctx's, and faults of the layout.
func (a *Artifact) Bundles(ctx context.Context) ([][]byte, error) {
	var out [][]byte
	for _, d := range a.index.Manifests {
		if d.ArtifactType != typeBundle || d.MediaType != typeManifest {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err := a.blobs.document(d)
		if err != nil {
			return nil, err
		}
		m, err := parseManifest(data)
		if err != nil {
			return nil, err
		}
		if m.Subject == nil || m.Subject.Digest != a.digest {
			continue
		}
		if len(m.Layers) != 1 || m.Layers[0].MediaType != typeBundle {
			return nil, malformed("%s is no signature of one layer", d.Digest)
		}
		if len(out) == maxBundles {
			return nil, malformed("more than %d signatures", maxBundles)
		}
		b, err := a.blobs.document(m.Layers[0])
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}
