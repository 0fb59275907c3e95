package holdfast

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/crypto/memory"
	"github.com/holdfast-ai/holdfast/sign"
)

// inodeRoom is what a tmpfs counts for a file beside its content, generously: it rounds up to pages.
const inodeRoom = 64 << 10

// filesAtOnce bounds how many files are read at a time: hashing one takes one processor, and each that is sealed takes
// buffers for all workers.
const filesAtOnce = 4

// Load reads files into memory that dst gives, a few files at a time, each in one pass: a chunk is read, decrypted, hashed and
// scanned while it is in the processor's cache. Without names it reads the weights. dst is called for one file at a time, in
// order, and returns memory of at least size bytes, for example of a [memory.Region].
//
// The memory is undefined until Load returns nil, and that of files that failed is cleared. The first error ends the others.
// Errors: those of [sign.Model.ReadInto] and dst, [ErrConfig] for a closed chain.
func (c *Chain) Load(ctx context.Context, dst func(name string, size int64) ([]byte, error), names ...string) error {
	if dst == nil {
		return fmt.Errorf("%w: no memory to load into", ErrConfig)
	}
	if len(names) == 0 {
		names = c.weights()
	}
	var mu sync.Mutex
	return c.each(ctx, names, func(ctx context.Context, name string, size int64) error {
		mu.Lock()
		b, err := dst(name, size)
		mu.Unlock()
		if err != nil {
			return err
		}
		if int64(len(b)) < size {
			return fmt.Errorf("%w: %d bytes for %q, which has %d", ErrConfig, len(b), name, size)
		}
		return c.fill(ctx, name, b[:size])
	})
}

// fill reads one file, which must have the size that memory was made for.
func (c *Chain) fill(ctx context.Context, name string, dst []byte) error {
	n, err := c.model.ReadInto(ctx, name, dst)
	if err == nil && n != len(dst) {
		err = fmt.Errorf("%w: %q changed its length while the model was read", sign.ErrMismatch, name)
	}
	return err
}

// each does something for the files, some at a time, until the first error.
func (c *Chain) each(ctx context.Context, names []string, do func(ctx context.Context, name string, size int64) error) error {
	if c.closed.Load() {
		return fmt.Errorf("%w: the chain is closed", ErrConfig)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(names), filesAtOnce, c.cfg.workers()) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				size, err := c.model.Size(names[i])
				if err == nil {
					err = do(ctx, names[i], size)
				}
				if err != nil {
					cancel(err) // the first one stays
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (c *Chain) names() []string {
	files := c.model.Files()
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name
	}
	return names
}

// weights are the files whose name says so, or all where none does.
func (c *Chain) weights() []string {
	all := c.names()
	if named := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !isWeights(name) }); len(named) > 0 {
		return named
	}
	return all
}

// Memfd returns the verified content of a file as a sealed file in memory, for engines that want a path: [memory.Engine]
// hands it to a child as /proc/self/fd/3. See [sign.Model.Memfd]; the caller closes it.
func (c *Chain) Memfd(ctx context.Context, name string) (*os.File, error) {
	if c.closed.Load() {
		return nil, fmt.Errorf("%w: the chain is closed", ErrConfig)
	}
	return c.model.Memfd(ctx, name)
}

// Dir returns the whole verified model as a directory in memory, for engines that want names beside each other. It appears
// when the last file was verified, and not at all where one is refused. What the directory is like, and who can read it,
// [memory.Dir] says; with [memory.DirOptions].Mount its tmpfs is made to measure.
//
// It is overwritten and removed by its own Close and by that of the chain, so the engine must have ended before.
// Errors: those of [sign.Model.ReadInto] and [memory.NewDir], [ErrConfig] for a closed chain.
func (c *Chain) Dir(ctx context.Context, o memory.DirOptions) (*memory.Dir, error) {
	names := c.names()
	if o.Size == 0 {
		for _, name := range names {
			size, err := c.model.Size(name)
			if err != nil {
				return nil, err
			}
			o.Size += size + inodeRoom
		}
		o.Size += inodeRoom
	}
	d, err := memory.NewDir(o)
	if err != nil {
		return nil, err
	}
	err = c.each(ctx, names, func(ctx context.Context, name string, size int64) error {
		return d.Write(name, size, func(dst []byte) error { return c.fill(ctx, name, dst) })
	})
	if err == nil {
		_, err = d.Publish()
	}
	if err == nil {
		err = c.keep(d)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// keep remembers a directory for Close.
func (c *Chain) keep(d *memory.Dir) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return fmt.Errorf("%w: the chain is closed", ErrConfig)
	}
	c.dirs = append(c.dirs, d)
	return nil
}

// closeDirs removes the directories that are still there.
func (c *Chain) closeDirs() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, d := range c.dirs {
		if err := d.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	c.dirs = nil
	return errors.Join(errs...)
}
