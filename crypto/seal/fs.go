package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// FS is the plaintext of a sealed directory as a file system. Its files implement [io.ReaderAt], [io.Seeker] and
//
//	ReadAllInto(ctx context.Context, dst []byte, watermark func(contiguous int64)) error
//
// which fills dst in parallel, see [ReaderAt.ReadAllInto]. It is safe for concurrent use. Close it to destroy its key.
type FS struct {
	src    fs.FS
	key    *key
	info   Info
	opts   options
	hidden bool       // the list of files is sealed
	pool   workerPool // of all files
	files  map[string]*sealed
	dirs   map[string][]fs.DirEntry // by name
}

var (
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadFileFS = (*FS)(nil)
)

// OpenFS opens a sealed directory with the keyset that ks finds. Before anything is decrypted it checks the keyset against
// the commitment, seal.json against its MAC, and every blob's size and header against seal.json. Files that seal.json does
// not list do not exist in the result. src must stay open as long as the result is used.
// Errors: [ErrFormat], also for parts that are missing, [ErrTooLarge], [ErrCommitment], [ErrAuth], [ErrTruncated], [ErrKeyset],
// [ErrUnsupported], and those of src and ks.
func OpenFS(ctx context.Context, src fs.FS, ks KeySource, opts ...Option) (*FS, error) {
	raw, m, info, err := readManifest(ctx, src, manifestName)
	if err != nil {
		return nil, err
	}
	mac, err := readSmall(ctx, src, macName, 32)
	if err != nil {
		return nil, lost(src, macName, err)
	}
	wraps, err := readWraps(ctx, src)
	if err != nil {
		return nil, err
	}
	if ks == nil {
		return nil, fmt.Errorf("%w: no key source", ErrKeyset)
	}
	h, err := ks.Keyset(ctx, info, wraps)
	if err != nil {
		return nil, err
	}
	o := newOptions(opts)
	k, err := keyOf(h, o.maxSegment)
	if err != nil {
		return nil, err
	}
	f := &FS{src: src, key: k, info: info, opts: o, hidden: m.List != nil, files: make(map[string]*sealed, len(m.Files))}
	list, err := f.check(ctx, raw, mac, m)
	if err != nil {
		k.dek.Destroy()
		return nil, err
	}
	f.index(list)
	return f, nil
}

// check authenticates the manifest, opens a hidden list and compares the blobs with it.
func (f *FS) check(ctx context.Context, raw, mac []byte, m *manifest) ([]sealed, error) {
	c, err := f.key.commitment()
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(c[:], f.info.Commitment[:]) != 1 {
		return nil, ErrCommitment
	}
	want, err := f.key.manifestMAC(raw)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(mac, want[:]) != 1 {
		return nil, fmt.Errorf("%w: %s", ErrAuth, manifestName)
	}
	if m.Segment != f.key.segment {
		return nil, fmt.Errorf("%w: %s: segment size", ErrFormat, manifestName)
	}
	files := m.Files
	if m.List != nil {
		if files, err = f.list(ctx, m.List); err != nil {
			return nil, err
		}
	}
	return files, f.opts.each(ctx, make([]int64, len(files)), func(_ context.Context, i int, _ options) error {
		file, _, err := f.blob(&files[i])
		if err != nil {
			return &fs.PathError{Op: "open", Path: files[i].Path, Err: err}
		}
		return file.Close()
	})
}

// list opens the sealed list of files.
func (f *FS) list(ctx context.Context, l *listBlob) ([]sealed, error) {
	file, b, err := f.blob(&sealed{Blob: l.Blob, Size: l.Size, Header: l.Header})
	if err != nil {
		return nil, err
	}
	defer file.Close()
	ct := make(PrivateBytes, b.size)
	if err := readFull(b, ct, 0); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(ct)
	if hex.EncodeToString(digest[:]) != l.Digest {
		return nil, fmt.Errorf("%w: %s has another digest", ErrAuth, l.Blob)
	}
	r, err := newReaderAt(ct, b.size, f.key, ListAD(f.info.Name, f.info.Version), b.header, f.opts, &f.pool)
	if err != nil {
		return nil, err
	}
	text := make([]byte, r.size)
	if err := r.ReadAllInto(ctx, text, nil); err != nil {
		return nil, err
	}
	return parseList(text, l.Blob)
}

// blob opens the ciphertext of a file after comparing its size and header with the manifest.
func (f *FS) blob(s *sealed) (fs.File, blobAt, error) {
	size, _, err := f.key.sealed(s.Size)
	if err != nil {
		return nil, blobAt{}, err
	}
	b := blobAt{size: size, header: make([]byte, f.key.header)}
	if !unhex(b.header, s.Header) {
		return nil, blobAt{}, fmt.Errorf("%w: %s: file header", ErrFormat, manifestName)
	}
	file, fi, err := openRegular(f.src, s.Blob)
	if err != nil {
		return nil, blobAt{}, lost(f.src, s.Blob, err)
	}
	switch at, ok := file.(io.ReaderAt); {
	case !ok:
		err = fmt.Errorf("seal: %s cannot be read at an offset (%T)", s.Blob, file)
	case fi.Size() < size:
		err = fmt.Errorf("%w: %s has %d bytes of %d", ErrTruncated, s.Blob, fi.Size(), size)
	case fi.Size() > size:
		err = fmt.Errorf("%w: %s has %d bytes, want %d", ErrAuth, s.Blob, fi.Size(), size)
	default:
		b.ReaderAt = at
		var got [maxHeader]byte
		if err = readFull(at, got[:len(b.header)], 0); err == nil && !bytes.Equal(got[:len(b.header)], b.header) {
			err = fmt.Errorf("%w: %s has another file header", ErrAuth, s.Blob)
		}
	}
	if err != nil {
		file.Close()
		return nil, blobAt{}, err
	}
	return file, b, nil
}

// lost says why a part of a sealed directory cannot be opened. Whoever writes to the storage takes parts away, or puts a link or a file in
// the place of one or of the directory above it: then the directory contradicts itself, and it is no fault of the storage.
func lost(src fs.FS, name string, err error) error {
	instead := errors.Is(err, fs.ErrNotExist)
	if fi, err := fs.Lstat(src, path.Dir(name)); err == nil && !fi.IsDir() {
		instead = true
	}
	if fi, err := fs.Lstat(src, name); err == nil && !fi.Mode().IsRegular() {
		instead = true
	}
	if !instead || errors.Is(err, ErrFormat) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrFormat, name, err)
}

type blobAt struct {
	io.ReaderAt
	size   int64
	header []byte
}

// Info is the authenticated name, version, commitment and manifest digest.
func (f *FS) Info() Info { return f.info }

// Files lists the files by path bytes with their plaintext sizes.
func (f *FS) Files() []FileSize {
	out := make([]FileSize, 0, len(f.files))
	for p, s := range f.files {
		out = append(out, FileSize{p, s.Size})
	}
	slices.SortFunc(out, func(a, b FileSize) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// Close destroys the key. Files that are open stay usable, new ones cannot be opened.
func (f *FS) Close() error {
	if f.key != nil {
		f.key.dek.Destroy()
	}
	return nil
}
