package sign

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/sign/digest"
)

// ReadInto reads the whole file name into dst and verifies it, in one pass: each chunk is hashed and goes through the taps
// while it is hot. dst must be at least as long as the file; see [Model.Size]. It returns the number of bytes.
//
// The content of dst is undefined until ReadInto returns nil, and must not be used before. On any error all of dst is
// cleared. Nothing else is allocated for a longer file. Cancellation of ctx is seen within one chunk.
//
// A file of the source may implement
//
//	ReadAllInto(ctx context.Context, dst []byte, watermark func(contiguous int64)) error
//
// which fills dst in its own way and calls watermark, serially, with the length of the contiguous prefix that will not
// change any more. Else it is read through io.ReaderAt, else through io.Reader.
//
// Errors: [ErrNotSigned], [ErrMissing], [ErrNotRegular], [ErrMismatch], [ErrTap], [io.ErrShortBuffer], ctx's, and faults of
// the source.
func (m *Model) ReadInto(ctx context.Context, name string, dst []byte) (int, error) {
	good := false
	defer func() {
		if !good { // also where a tap or the source panics
			clear(dst)
		}
	}()
	f, src, size, err := m.openName(name)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	if int64(len(dst)) < size {
		return 0, fmt.Errorf("sign: %q has %d bytes, destination %d: %w", name, size, len(dst), io.ErrShortBuffer)
	}
	taps, err := m.taps(name, size)
	if err != nil {
		return 0, err
	}
	if err := m.verify(ctx, src, f, dst[:size], taps); err != nil {
		return 0, err
	}
	m.release(name)
	good = true
	return int(size), nil
}

// openName looks a name up and opens its file, which is how every way out begins.
func (m *Model) openName(name string) (*file, fs.File, int64, error) {
	f, err := m.lookup(name)
	if err != nil {
		return nil, nil, 0, err
	}
	src, size, err := m.openSigned(f)
	return f, src, size, err
}

// openSigned opens the file of the source. Where its size is signed, it has that size.
func (m *Model) openSigned(f *file) (fs.File, int64, error) {
	src, size, err := openRegular(m.src, f.name)
	if err != nil {
		return nil, 0, err
	}
	if n, known := f.Size(); known && n != size {
		src.Close()
		return nil, 0, fault(f, errLength)
	}
	return src, size, nil
}

// verify fills dst from src, whose size it has, and accepts it or says why not.
func (m *Model) verify(ctx context.Context, src fs.File, f *file, dst []byte, taps []Tap) error {
	_, random := src.(io.ReaderAt)
	_, fills := src.(allReader)
	p := m.pass(f, taps)
	if random && !fills && m.opts.effort.atOnce(f) > 1 {
		if err := m.fillShards(ctx, &p, src, f, dst); err != nil {
			return err
		}
		return m.notDenied()
	}
	if err := p.fill(ctx, src, dst); err != nil {
		return fault(f, err)
	}
	if err := p.finish(f); err != nil {
		return err
	}
	return m.notDenied() // a pass over a large file takes minutes
}

// atOnce is how many streams of one file are hashed at a time: its shards, by several workers or by one that can hash more than one.
func (e effort) atOnce(f *file) int {
	n := min(len(f.Shards), e.limit())
	if n == 1 && !e.standard {
		n = digest.Together(f.Algorithm, len(f.Shards))
	}
	return n
}

// pass begins a pass over the whole of f.
func (m *Model) pass(f *file, taps []Tap) pass {
	return pass{sum: digest.New(f.Algorithm, f.ShardSize), taps: taps, pace: m.opts.effort.pacer()}
}

// readVerified returns the verified content of f in memory of its own.
func (m *Model) readVerified(ctx context.Context, f *file, limit int64, tap tapper) ([]byte, error) {
	src, size, err := m.openSigned(f)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return m.readOpen(ctx, src, f, size, limit, tap)
}

// A tapper makes the taps of a file; nil makes none.
type tapper func(name string, size int64) ([]Tap, error)

func (m *Model) readOpen(ctx context.Context, src fs.File, f *file, size, limit int64, tap tapper) (buf []byte, err error) {
	if size > limit {
		return nil, &SizeError{f.name, size, limit}
	}
	var taps []Tap
	if tap != nil {
		if taps, err = tap(f.name, size); err != nil {
			return nil, err
		}
	}
	buf = make([]byte, size)
	if err := m.verify(ctx, src, f, buf, taps); err != nil {
		return nil, err
	}
	return buf, nil
}

// taps asks for the taps of one file.
func (m *Model) taps(name string, size int64) ([]Tap, error) {
	var out []Tap
	for _, make := range m.opts.taps {
		t, err := make(name, size)
		if err != nil {
			return nil, fmt.Errorf("%w (%q): %w", ErrTap, name, err)
		}
		if t != nil {
			out = append(out, t)
		}
	}
	return out, nil
}

func (m *Model) release(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.released[name] = true
}

// Released reports whether a signed file counts in [Model.Loaded].
func (m *Model) Released(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.released[name]
}

// Loaded returns the digest of the files that were fully released to the caller so far, which is `loaded` of
// docs/SPEC.md section 5: a hash over T("holdfast/loaded/v1", n, (name, digest)…), sorted by name. complete says whether
// these are all signed files.
//
// A file counts once ReadInto or ReadFile returned it, or when a file from Open was read from its start to its end; reads
// that skip do not count, and [Model.VerifyAll] releases nothing.
func (m *Model) Loaded() (sum [32]byte, complete bool) {
	m.mu.Lock()
	names := make([]string, 0, len(m.released))
	for name := range m.released {
		names = append(names, name)
	}
	m.mu.Unlock()
	slices.Sort(names)
	t := transcript.New("holdfast/loaded/v1").Uint64(uint64(len(names)))
	for _, name := range names {
		t.String(name).Bytes(m.files[name].ID())
	}
	return t.SHA256(), len(m.files) > 0 && len(names) == len(m.files)
}
