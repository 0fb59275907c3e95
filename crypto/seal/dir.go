package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Options says what a directory is sealed as, and how.
type Options struct {
	Name    string    // of the model, as in its holdfast.json; required
	Version uint64    // of the model, as in its holdfast.json
	Wraps   []Wrapper // who shall be able to open it; none where only a key server holds the keyset

	// HideNames seals the list of files too. The number of blobs and their sizes still show.
	HideNames bool

	// Resume keeps what is done when the call fails or the process dies, beside dst under a name made from dst's, and goes
	// on from there the next time: with the same keyset, of which [Interrupted] finds the wrapped ones. Files that were done
	// are compared with the source, byte by byte, and kept if they are the same. What another user left, or others may write,
	// is refused.
	Resume bool
	// Replace lets dst be a sealed directory, which the new one takes the place of in one step, at the very end. Only Linux
	// and macOS have that step, and only on file systems that know it; elsewhere the call fails with
	// [errors.ErrUnsupported] and dst stays as it is.
	Replace bool

	Workers int // goroutines; 0 means GOMAXPROCS
	Duty    int // percent, see [WithDuty]; 0 means 100

	// Progress, if not nil, is told how far the call is, at most every 100 ms and once at the end.
	Progress func(Progress)

	hook func(step string) error // see partialOptions
}

func (o *Options) options() options {
	var opts []Option
	if o.Workers > 0 {
		opts = append(opts, WithWorkers(o.Workers))
	}
	if o.Duty > 0 {
		opts = append(opts, WithDuty(o.Duty))
	}
	return newOptions(opts)
}

// Dir seals every regular file below src into the new directory dst, under the one key of h. Files of any name are
// sealed, `.holdfast/model.sig` included: a signature in clear would let small files be guessed from their digests. Empty
// directories are not kept. Use a fresh keyset for each version of a model.
//
// dst must not exist, unless o.Replace is set. The directory is written beside it under a temporary name and moved at the
// end, so that a process that dies at any moment leaves dst as it was or whole; on an error the temporary directory is
// removed, unless o.Resume is set.
// Errors: [ErrSource], [ErrKeyset], [ErrUnsupported], [ErrTooLarge], [ErrFormat] for two wrappers of one id, [fs.ErrExist]
// for dst, that of ctx, those of the wrappers and of the file systems.
func Dir(ctx context.Context, dst string, src fs.FS, h *keyset.Handle, o Options) (Info, error) {
	if err := checkName(o.Name); err != nil {
		return Info{}, fmt.Errorf("seal: %w", err)
	}
	d := sealing{Options: o, options: o.options(), src: src}
	var err error
	if d.key, err = writeKey(h, d.maxSegment); err != nil {
		return Info{}, err
	}
	defer d.key.dek.Destroy()
	if h.Len() != 1 {
		return Info{}, fmt.Errorf("%w: %d keys, and readers would get the disabled ones too", ErrKeyset, h.Len())
	}
	// In FIPS 140-only mode this is refused now and not after the directory was made.
	if _, _, err := d.key.sealing(d.key.newHeader(), nil); err != nil {
		return Info{}, err
	}
	if len(o.Wraps) > MaxWraps { // nobody would open the result
		return Info{}, errWraps
	}
	if IsSealed(src) {
		return Info{}, fmt.Errorf("%w: it has a %s already", ErrSource, manifestName)
	}
	files, total, err := list(src)
	if err != nil {
		return Info{}, err
	}
	d.meter = newMeter(o.Progress, total)
	if d.dst, err = newPartial(dst, partialOptions{o.Resume, o.Replace, o.hook}); err != nil {
		return Info{}, err
	}
	defer d.dst.discard()
	info, err := d.write(ctx, h, files)
	if err != nil {
		return Info{}, err
	}
	if err := d.dst.publish(0o755); err != nil {
		return Info{}, err
	}
	d.meter.finish()
	return info, nil
}

// list finds the files to seal, by path bytes, and the sum of their sizes.
func list(src fs.FS) (files []FileSize, total int64, err error) {
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
		case len(files) == MaxFiles:
			return fmt.Errorf("%w: more than %d files", ErrTooLarge, MaxFiles)
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		total += fi.Size()
		files = append(files, FileSize{p, fi.Size()})
		return nil
	})
	slices.SortFunc(files, func(a, b FileSize) int { return strings.Compare(a.Path, b.Path) })
	return files, total, err
}

// sealing is one call of Dir.
type sealing struct {
	Options
	options
	key   *key
	src   fs.FS
	dst   *partial
	meter *meter
	pool  workerPool
}

// write writes everything in the order that a resumed call needs: who can find the keyset again, the blobs, and last what
// makes a sealed directory of them.
func (d *sealing) write(ctx context.Context, h *keyset.Handle, files []FileSize) (Info, error) {
	c, err := d.key.commitment()
	if err != nil {
		return Info{}, err
	}
	m := manifest{
		Version: formatVersion, Model: modelName{d.Name, d.Version}, Segment: d.key.segment,
		Commitment: hex.EncodeToString(c[:]), Files: []sealed{},
	}
	if err := d.sameAsBefore(ctx, m); err != nil {
		return Info{}, err
	}
	for _, dir := range []string{blobsDir, keysDir} {
		if err := d.dst.mkdir(dir); err != nil {
			return Info{}, err
		}
	}
	wraps, err := d.wrap(ctx, h, Info{Name: d.Name, Version: d.Version, Commitment: c})
	if err != nil {
		return Info{}, err
	}
	if err := d.removeStale(keysDir, wraps); err != nil {
		return Info{}, err
	}
	if d.Resume && !d.dst.resumed {
		if _, err := d.writeManifest(m, partialFile); err != nil {
			return Info{}, err
		}
	}
	if m.Files, err = d.blobs(ctx, files); err != nil {
		return Info{}, err
	}
	if d.HideNames {
		if m.List, err = d.hide(ctx, m.Files); err != nil {
			return Info{}, err
		}
		m.Files = nil
	}
	b, err := d.writeManifest(m, manifestName)
	if err != nil {
		return Info{}, err
	}
	mac, err := d.key.manifestMAC(b)
	if err != nil {
		return Info{}, err
	}
	if err := d.dst.writeFile(macName, mac[:]); err != nil {
		return Info{}, err
	}
	_, info, err := parseManifest(b)
	return info, err
}

// sameAsBefore begins anew where an earlier call was under another keyset, or for another model: nothing of it can be kept, and its mark
// would name a commitment that no wrapped keyset is of.
func (d *sealing) sameAsBefore(ctx context.Context, m manifest) error {
	if !d.dst.resumed {
		return nil
	}
	want, err := m.bytes()
	if err != nil {
		return err
	}
	have, err := readSmall(ctx, d.dst.root.FS(), partialFile, MaxManifest)
	if err != nil || bytes.Equal(have, want) {
		return err
	}
	return d.dst.restart()
}

// writeManifest writes what the package would also read.
func (d *sealing) writeManifest(m manifest, name string) ([]byte, error) {
	b, err := m.bytes()
	if err != nil {
		return nil, err
	}
	if _, _, err := parseManifest(b); err != nil {
		return nil, err
	}
	return b, d.dst.writeFile(name, b)
}

// wrap writes the wrapped keysets and returns their names.
func (d *sealing) wrap(ctx context.Context, h *keyset.Handle, info Info) (map[string]bool, error) {
	names := make(map[string]bool, len(d.Wraps))
	for _, w := range d.Wraps {
		wrapped, err := w.Wrap(ctx, h, info)
		if err != nil {
			return nil, err
		}
		name, err := wrapped.path()
		if err != nil {
			return nil, err
		}
		if names[name] { // the second would take the place of the first, whose key then opens nothing
			return nil, fmt.Errorf("%w: two wrapped keysets with the id %s", ErrFormat, wrapped.ID)
		}
		if err := d.dst.writeFile(name, wrapped.Blob); err != nil {
			return nil, err
		}
		names[name] = true
	}
	return names, nil
}

// blobs seals all files.
func (d *sealing) blobs(ctx context.Context, files []FileSize) ([]sealed, error) {
	hidden, err := d.key.blobNames()
	if err != nil {
		return nil, err
	}
	out, sizes, wanted := make([]sealed, len(files)), make([]int64, len(files)), make(map[string]bool, len(files))
	for i, f := range files {
		out[i] = sealed{Path: f.Path, Blob: fmt.Sprintf("%s/%06d", blobsDir, i)}
		if d.HideNames {
			out[i].Blob = hidden(f.Path)
		}
		sizes[i], wanted[out[i].Blob] = f.Size, true
	}
	if err := checkFiles(out); err != nil { // what no reader takes is refused before the work
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := d.removeStale(blobsDir, wanted); err != nil {
		return nil, err
	}
	return out, d.each(ctx, sizes, func(ctx context.Context, i int, o options) error { return d.file(ctx, &out[i], o) })
}

// hide seals the list of files into a blob of its own.
func (d *sealing) hide(ctx context.Context, files []sealed) (*listBlob, error) {
	text, err := json.Marshal(fileList{files})
	if err != nil {
		return nil, fmt.Errorf("seal: list of files: %w", err)
	}
	if len(text) > MaxManifest {
		return nil, fmt.Errorf("%w: the list of files has %d bytes", ErrTooLarge, len(text))
	}
	size, _, err := d.key.sealed(int64(len(text)))
	if err != nil {
		return nil, err
	}
	header, ct := d.key.newHeader(), make(PrivateBytes, size)
	if _, err := encryptFrom(ctx, ct, PrivateBytes(text), int64(len(text)), d.key, ListAD(d.Name, d.Version), header, d.options, &d.pool, nil); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(ct)
	l := &listBlob{blobsDir + "/list", int64(len(text)), hex.EncodeToString(header), hex.EncodeToString(digest[:])}
	return l, d.dst.writeFile(l.Blob, ct)
}
