package oci

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
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
		return cmp.Or(cmp.Compare(y.Size, x.Size), cmp.Compare(x.Digest, y.Digest)) // neighbours are about equally long
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

// VerifyFiles reads the configuration and all layers once, holds them against their descriptors, and gives the bytes of every file on
// the way, in their order, to what w returns for it; nil passes a file by. Once VerifyFiles has returned nil, what it gave is what was
// published, whatever the storage showed at other times: sign.Sign hashes a model so. w is called once for each file, from workers
// goroutines at most, GOMAXPROCS where that is 0; a file is written by one of them.
// Errors: those of [Artifact.Verify], [ErrLayout], and those of what w returns.
func (a *Artifact) VerifyFiles(ctx context.Context, workers int, w func(name string, size int64) io.Writer) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	todo := append(slices.Clone(a.manifest.Layers), a.manifest.Config)
	errs := make([]error, len(todo))
	s := seen{a: a, w: w, names: map[string]bool{}}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(todo)) {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < len(todo) && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				errs[i] = s.blob(ctx, todo[i], i < len(a.manifest.Layers))
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(s.names) != a.count {
		return &DigestError{a.digest, "other files than when it was opened"}
	}
	return nil
}

// seen are the files that a pass over all layers has met.
type seen struct {
	a *Artifact
	w func(name string, size int64) io.Writer

	mu    sync.Mutex
	names map[string]bool
}

// blob reads a blob to its end. Whether it is what its descriptor says counts before whether its form is as it should be.
func (s *seen) blob(ctx context.Context, d descriptor, layer bool) error {
	f, err := s.a.blobs.open(d)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	r := &counted{r: io.TeeReader(ctxio.Reader(ctx, io.LimitReader(f, d.Size)), sum)}
	var form error
	if layer {
		form = s.layer(ctx, d, r)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("oci: %s: %w", d.Digest, err)
	}
	if r.n != d.Size || digestOf([32]byte(sum.Sum(nil))) != d.Digest {
		return &DigestError{d.Digest, "other content"}
	}
	return form
}

// layer reads the files of a layer.
func (s *seen) layer(ctx context.Context, d descriptor, r *counted) error {
	form, err := formOf(d.MediaType)
	if err != nil {
		return err
	}
	file := func(e entry) (opener, error) { return nil, s.file(d, e) }
	switch form {
	case formRaw:
		return s.file(d, entry{d.Annotations[annotationPath], 0, d.Size, r})
	case formTar:
		_, err = walkTar(ctx, d, r, func() int64 { return r.n }, d.Size, map[string]bool{}, file)
	case formTarGzip:
		var plain *inflated
		if plain, err = newInflated(r, d); err == nil {
			_, err = walkTar(ctx, d, plain, func() int64 { return plain.n }, math.MaxInt64, map[string]bool{}, file)
		}
	}
	return err
}

// file passes one file on. It must be one of those that there were when the artifact was opened: the list of a tar is not held against its
// digest then.
func (s *seen) file(d descriptor, e entry) error {
	fi, err := s.a.Stat(e.name)
	s.mu.Lock()
	twice := s.names[e.name]
	s.names[e.name] = true
	s.mu.Unlock()
	if err != nil || twice || !fi.Mode().IsRegular() || fi.Size() != e.size {
		return &DigestError{d.Digest, "other files than when it was opened"}
	}
	if w := s.w(e.name, e.size); w != nil {
		if _, err := io.Copy(w, e.content); err != nil {
			return tarError(d, err)
		}
	}
	return nil
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Bundles returns the signatures in the layout that refer to the model: Sigstore bundles in artifacts whose subject is its
// manifest. They vouch for nothing until sign.Open, with sign.WithBundle, accepts one.
// Errors: [ErrLayout], [ErrDigest], [fs.ErrNotExist], ctx's, and faults of the layout.
func (a *Artifact) Bundles(ctx context.Context) ([][]byte, error) {
	var out [][]byte
	seen := map[string]bool{} // an index may list one artifact ten thousand times
	for _, d := range a.index.Manifests {
		if d.ArtifactType != typeBundle || d.MediaType != typeManifest || seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err := a.blobs.document(ctx, d)
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
		b, err := a.blobs.document(ctx, m.Layers[0])
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}
