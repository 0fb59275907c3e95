package seal

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Options says what a directory is sealed as.
type Options struct {
	Name    string    // of the model, as in its holdfast.json; required
	Version uint64    // of the model, as in its holdfast.json
	Wraps   []Wrapper // who shall be able to open it; none where only a key server holds the keyset
	Workers int       // goroutines; 0 means GOMAXPROCS

	// Progress, if not nil, is told how far the call is, at most every 100 ms and once at the end.
	Progress func(Progress)
}

// Dir seals every regular file below src into the new directory dst, under the one key of h. Files of any name are
// sealed, `.holdfast/model.sig` included: a signature in clear would let small files be guessed from their digests. Empty
// directories are not kept. Use a fresh keyset for each version of a model.
//
// dst must not exist. The directory is written beside it under a temporary name and renamed at the end, so that dst is
// whole or absent; on an error the temporary directory is removed.
// Errors: [ErrSource], [ErrKeyset], [ErrUnsupported], [ErrTooLarge], [fs.ErrExist] for dst, that of ctx, those of the
// wrappers and of the file systems.
func Dir(ctx context.Context, dst string, src fs.FS, h *keyset.Handle, o Options) (Info, error) {
	if err := checkName(o.Name); err != nil {
		return Info{}, fmt.Errorf("seal: %w", err)
	}
	var opts []Option
	if o.Workers > 0 {
		opts = append(opts, WithWorkers(o.Workers))
	}
	d := sealing{ctx: ctx, src: src, Options: o, options: newOptions(opts)}
	var err error
	if d.key, err = writeKey(h, d.maxSegment); err != nil {
		return Info{}, err
	}
	defer d.key.dek.Destroy()
	if h.Len() != 1 {
		return Info{}, fmt.Errorf("%w: %d keys, and readers would get the disabled ones too", ErrKeyset, h.Len())
	}
	if IsSealed(src) {
		return Info{}, fmt.Errorf("%w: it has a %s already", ErrSource, manifestName)
	}
	files, total, err := list(src)
	if err != nil {
		return Info{}, err
	}
	d.meter = newMeter(o.Progress, total)

	st, err := newPartial(dst)
	if err != nil {
		return Info{}, err
	}
	defer st.discard()
	d.dst = st.root
	info, err := d.write(h, files)
	if err != nil {
		return Info{}, err
	}
	if err := st.publish(0o755); err != nil {
		return Info{}, err
	}
	d.meter.finish()
	return info, nil
}

// list finds the files to seal, by path bytes, and the sum of their sizes.
func list(src fs.FS) (paths []string, total int64, err error) {
	err = fs.WalkDir(src, ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return nil
		case !e.Type().IsRegular():
			return fmt.Errorf("%w: %s is not a regular file", ErrSource, p)
		case checkPath(p) != nil:
			return fmt.Errorf("%w: the name %q", ErrSource, p)
		case len(paths) == MaxFiles:
			return fmt.Errorf("%w: more than %d files", ErrTooLarge, MaxFiles)
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		total += fi.Size()
		paths = append(paths, p)
		return nil
	})
	slices.SortFunc(paths, strings.Compare)
	return paths, total, err
}

// sealing is one call of Dir.
type sealing struct {
	Options
	options
	ctx   context.Context // for the length of the call
	key   *key
	src   fs.FS
	dst   *os.Root
	meter *meter
}

func (d *sealing) write(h *keyset.Handle, paths []string) (Info, error) {
	c, err := d.key.commitment()
	if err != nil {
		return Info{}, err
	}
	m := manifest{
		Version: formatVersion, Model: modelName{d.Name, d.Version}, Segment: d.key.segment,
		Commitment: hex.EncodeToString(c[:]), Files: []sealed{},
	}
	for _, dir := range []string{blobsDir, keysDir} {
		if err := d.dst.Mkdir(dir, 0o755); err != nil {
			return Info{}, fmt.Errorf("seal: %w", err)
		}
	}
	for i, p := range paths {
		f, err := d.file(p, fmt.Sprintf("%s/%06d", blobsDir, i))
		if err != nil {
			return Info{}, err
		}
		m.Files = append(m.Files, f)
	}
	b, err := m.bytes()
	if err != nil {
		return Info{}, err
	}
	_, info, err := parseManifest(b) // nothing is published that OpenFS would refuse
	if err != nil {
		return Info{}, err
	}
	mac, err := d.key.manifestMAC(b)
	if err != nil {
		return Info{}, err
	}
	if err := writeFile(d.dst, manifestName, b, 0o644); err != nil {
		return Info{}, err
	}
	if err := writeFile(d.dst, macName, mac[:], 0o644); err != nil {
		return Info{}, err
	}
	return info, d.wrap(h, info)
}

func (d *sealing) wrap(h *keyset.Handle, info Info) error {
	for _, w := range d.Wraps {
		wrapped, err := w.Wrap(d.ctx, h, info)
		if err != nil {
			return err
		}
		name, err := wrapped.path()
		if err != nil {
			return err
		}
		if err := writeFile(d.dst, name, wrapped.Blob, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// file seals one file into blob.
func (d *sealing) file(path, blob string) (sealed, error) {
	in, fi, err := openRegular(d.src, path)
	if err != nil {
		return sealed{}, err
	}
	defer in.Close()
	out, err := d.dst.OpenFile(blob, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return sealed{}, fmt.Errorf("seal: %w", err)
	}
	defer out.Close()

	header, ad := d.key.newHeader(), FileAD(d.Name, d.Version, path)
	if at, ok := in.(io.ReaderAt); ok {
		_, err = encryptFrom(d.ctx, out, at, fi.Size(), d.key, ad, header, d.options, new(workerPool), d.meter.at)
		if n, _ := at.ReadAt(make([]byte, 1), fi.Size()); err == nil && n != 0 {
			err = fmt.Errorf("%w: it has grown", ErrSource)
		}
	} else {
		err = d.copy(out, in, fi.Size(), header, ad)
	}
	if err != nil {
		return sealed{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := out.Sync(); err != nil {
		return sealed{}, fmt.Errorf("seal: %w", err)
	}
	if err := out.Close(); err != nil {
		return sealed{}, fmt.Errorf("seal: %w", err)
	}
	d.meter.next(fi.Size())
	return sealed{Path: path, Blob: blob, Size: fi.Size(), Header: hex.EncodeToString(header)}, nil
}

// copy seals a file that can only be read in order.
func (d *sealing) copy(out io.Writer, in io.Reader, size int64, header, ad []byte) error {
	w, err := newWriter(out, d.key, header, ad)
	if err != nil {
		return err
	}
	defer w.Close()
	n, err := io.Copy(w, io.LimitReader(ctxReader{d.ctx, in}, size+1))
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%w: its size has changed", ErrSource)
	}
	return w.Commit()
}

// ctxReader ends with the context's error.
type ctxReader struct {
	ctx context.Context // for the length of one copy
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
