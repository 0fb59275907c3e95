package holdfast

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/holdfast-ai/holdfast/crypto/memory"
)

// inodeRoom is what a tmpfs counts for a file beside its content, generously: it rounds up to pages.
const inodeRoom = 64 << 10

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
	if c.closed.Load() {
		return nil, fmt.Errorf("%w: the chain is closed", ErrConfig)
	}
	files := c.model.Files()
	sizes := make([]int64, len(files))
	var total int64
	for i, f := range files {
		size, err := c.model.Size(f.Name)
		if err != nil {
			return nil, err
		}
		sizes[i] = size
		total += size + inodeRoom
	}
	if o.Size == 0 {
		o.Size = total + inodeRoom
	}
	d, err := memory.NewDir(o)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		if err == nil {
			err = d.Write(f.Name, sizes[i], func(dst []byte) error {
				n, err := c.model.ReadInto(ctx, f.Name, dst)
				if err == nil && n != len(dst) {
					err = fmt.Errorf("holdfast: %q changed its length while the model was read", f.Name)
				}
				return err
			})
		}
	}
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
