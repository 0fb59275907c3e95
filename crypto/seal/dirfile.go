package seal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
)

// file seals one file into s.Blob, or keeps the blob of an earlier call, and fills in size and header.
func (d *sealing) file(ctx context.Context, s *sealed, o options) error {
	in, fi, err := openRegular(d.src, s.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	s.Size = fi.Size()
	header, err := d.kept(ctx, in, s, o)
	if err == nil && header == nil {
		header = d.key.newHeader()
		err = d.newFile(ctx, in, s, header, o)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	s.Header = hex.EncodeToString(header)
	return nil
}

func (d *sealing) newFile(ctx context.Context, in fs.File, s *sealed, header []byte, o options) error {
	out, err := d.dst.create(s.Blob, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	ad := FileAD(d.Name, d.Version, s.Path)
	if at, ok := in.(io.ReaderAt); ok {
		_, err = encryptFrom(ctx, out, at, s.Size, d.key, ad, header, o, &d.pool, d.meter.file())
		if n, _ := at.ReadAt(make([]byte, 1), s.Size); err == nil && n != 0 {
			err = fmt.Errorf("%w: it has grown", ErrSource)
		}
	} else {
		err = d.copy(ctx, out, in, s.Size, header, ad)
	}
	if err != nil {
		return err
	}
	return d.dst.finish(out)
}

// copy seals a file that can only be read in order.
func (d *sealing) copy(ctx context.Context, out io.Writer, in io.Reader, size int64, header, ad []byte) error {
	w, err := newWriter(out, d.key, header, ad)
	if err != nil {
		return err
	}
	defer w.Close()
	n, err := io.Copy(w, io.LimitReader(ctxio.Reader(ctx, in), size+1))
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%w: its size has changed", ErrSource)
	}
	return w.Commit()
}

// kept returns the header of a blob that an earlier call has sealed from the same bytes, or nil. Nothing about the blob is
// believed: it must be authentic for this path under this key, and its plaintext equal to the source. A blob is never
// continued, because a segment sealed twice under one header could show both plaintexts.
func (d *sealing) kept(ctx context.Context, in fs.File, s *sealed, o options) ([]byte, error) {
	src, ok := in.(io.ReaderAt)
	if !d.dst.resumed || !ok {
		return nil, nil
	}
	blob, fi, err := openRegular(d.dst.root.FS(), s.Blob)
	if err != nil {
		return nil, nil // what cannot be read is sealed again
	}
	defer blob.Close()
	at, ok := blob.(io.ReaderAt)
	if want, _, err := d.key.sealed(s.Size); err != nil || !ok || want != fi.Size() {
		return nil, nil // the new file says what is wrong with the size
	}
	header := make([]byte, d.key.header)
	if err := readFull(at, header, 0); err != nil {
		return nil, nil // as above
	}
	r, err := newReaderAt(at, fi.Size(), d.key, FileAD(d.Name, d.Version, s.Path), header, o, &d.pool)
	if err != nil {
		return nil, nil // a file that was being written when the process died
	}
	switch err := r.compare(ctx, src); {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	default:
		return nil, nil // read again, and then its own error counts
	}
	f, ok := blob.(interface{ Sync() error })
	if !ok {
		return nil, nil
	}
	if err := f.Sync(); err != nil { // the dead process may not have come to it
		return nil, fmt.Errorf("seal: %w", err)
	}
	return header, nil
}

var errDiffers = errors.New("seal: plaintext differs")

// compare reads src and the file side by side.
func (r *ReaderAt) compare(ctx context.Context, src io.ReaderAt) error {
	if n, _ := src.ReadAt(make([]byte, 1), r.size); n != 0 {
		return errDiffers
	}
	return r.spread(ctx, 0, func(first, count int64) error {
		w := r.pool.get()
		defer r.pool.put(w)
		w.out = grow(w.out, r.plainLen(first, count))
		defer clear(w.out)
		if err := r.open(w, first, count, w.out); err != nil {
			return err
		}
		w.in = grow(w.in, int64(len(w.out)))
		defer clear(w.in)
		if err := readFull(src, w.in, r.plainStart(first)); err != nil {
			return err
		}
		if !bytes.Equal(w.in, w.out) {
			return errDiffers
		}
		return nil
	}, func(int64) error { return nil })
}

// removeStale removes from dir what an earlier call left and this one does not want. A wrapped keyset that stayed would let
// somebody in whom this call does not name.
func (d *sealing) removeStale(dir string, wanted map[string]bool) error {
	if !d.dst.resumed {
		return nil
	}
	entries, err := fs.ReadDir(d.dst.root.FS(), dir)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	for _, e := range entries {
		if name := dir + "/" + e.Name(); !wanted[name] {
			if err := d.dst.root.RemoveAll(name); err != nil {
				return fmt.Errorf("seal: %w", err)
			}
		}
	}
	return nil
}

// Interrupted reads what an unfinished call of [Dir] with Options.Resume left for dst: enough to find its keyset among the
// wrapped ones and to call Dir again. Nothing in it is authenticated. Errors: [fs.ErrNotExist] where there is nothing to
// resume, [ErrFormat], [ErrTooLarge], those of the file system, and one for a directory of another user or that others may write.
func Interrupted(dst string) (*Contents, error) {
	root, err := openReal(partialName(filepath.Clean(dst)))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer root.Close()
	if err := ours(root, root.Name(), writers); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return inspect(context.Background(), root.FS(), partialFile)
}

// Reseal decrypts f and seals it anew under h, in parallel, into dst: what a re-wrapped keyset cannot do, because whoever has
// held the old keyset keeps it. Where o has no Name, name and version stay, and hidden names stay hidden. dst may be f's own
// directory with o.Replace.
// Errors: those of [Dir] and [ReaderAt.ReadAt], and [ErrKeyset] where h has the key that f is sealed under.
func Reseal(ctx context.Context, dst string, f *FS, h *keyset.Handle, o Options) (Info, error) {
	c, err := Commitment(h)
	if err != nil {
		return Info{}, err
	}
	if c == f.info.Commitment {
		return Info{}, fmt.Errorf("%w: it is the one that the directory is sealed under", ErrKeyset)
	}
	if o.Name == "" {
		o.Name, o.Version = f.info.Name, f.info.Version
	}
	o.HideNames = o.HideNames || f.hidden
	return Dir(ctx, dst, f, h, o)
}
