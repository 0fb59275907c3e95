package oci

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
	"github.com/holdfast-ai/holdfast/internal/treefs"
)

const (
	// maxRatio is how many bytes one byte of a compressed layer may become; vocabularies, which compress best of what models
	// have, stay below 30. slack lets tiny layers have the padding of tar.
	maxRatio, slack = 200, 1 << 20
	// A compressed layer can only be read from its start, so that each of its files costs inflating all that lies before. Files of
	// at most maxHeldFile bytes, which is what there are many of, are held in memory when the layer is read for the first time, at
	// most maxHeld bytes for all layers of an artifact. maxInflated bounds what opening each of the others once would inflate: an
	// hour of work. What has more must be stored uncompressed.
	maxHeldFile, maxHeld = 1 << 20, 64 << 20
	maxInflated          = 1 << 40
	// maxPadding is what may follow the end of a tar: blocking factors above 20 kB are not in use.
	maxPadding = 1 << 20
)

// tarFiles lists the files of a tar layer. Only the headers are read.
func (b blobs) tarFiles(ctx context.Context, d descriptor, dirs map[string]bool) ([]treefs.File, error) {
	f, err := b.open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, unsupported("layer %s: storage without random access", d.Digest)
	}
	s := io.NewSectionReader(at, 0, d.Size)
	position := func() int64 { n, _ := s.Seek(0, io.SeekCurrent); return n }
	return walkTar(ctx, d, s, position, d.Size, dirs, func(e entry) (opener, error) {
		offset, size := e.offset, e.size // and not e, which has more than these
		return func() (io.ReadCloser, error) {
			f, err := b.open(d)
			if err != nil {
				return nil, err
			}
			at, ok := f.(io.ReaderAt)
			if !ok {
				f.Close()
				return nil, unsupported("layer %s: storage without random access", d.Digest)
			}
			return part{io.NewSectionReader(at, offset, size), f}, nil
		}, nil
	})
}

// An entry is a file of a tar that is being read.
type entry struct {
	name         string
	offset, size int64     // of its content
	content      io.Reader // until the next entry is read
}

// An opener opens the content of a file.
type opener func() (io.ReadCloser, error)

// part is one file of a tar.
type part struct {
	*io.SectionReader
	io.Closer
}

// held counts what is held in memory of the files in compressed layers, and what would be inflated for the others. What is held
// was part of a layer with the right digest.
type held struct{ bytes, inflated int64 }

// take reads a file of size bytes if it is to be held.
func (h *held) take(size int64, r io.Reader) (data []byte, taken bool, err error) {
	if size > maxHeldFile || size > maxHeld-h.bytes {
		return nil, false, nil
	}
	h.bytes += size
	data = make([]byte, size)
	_, err = io.ReadFull(r, data)
	return data, true, err
}

// inflate counts a file that is not held, for which n bytes are inflated. It reports whether that is still allowed.
func (h *held) inflate(n int64) bool {
	if n > maxInflated-h.inflated {
		return false
	}
	h.inflated += n
	return true
}

// inMemory is a file that is held.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// gzipFiles lists the files of a compressed tar layer. The whole layer is read, so its digest is checked on the way.
func (b blobs) gzipFiles(ctx context.Context, d descriptor, dirs map[string]bool, h *held) ([]treefs.File, error) {
	f, err := b.open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	packed := io.TeeReader(ctxio.Reader(ctx, io.LimitReader(f, d.Size)), sum)
	plain, err := newInflated(packed, d)
	if err != nil {
		return nil, err
	}
	files, err := walkTar(ctx, d, plain, func() int64 { return plain.n }, math.MaxInt64, dirs, func(e entry) (opener, error) {
		if data, taken, err := h.take(e.size, e.content); err != nil {
			return nil, tarError(d, err)
		} else if taken {
			return func() (io.ReadCloser, error) { return inMemory{bytes.NewReader(data)}, nil }, nil
		}
		offset, size := e.offset, e.size
		if !h.inflate(offset + size) {
			return nil, unsupported("layer %s: too many files for a compressed layer", d.Digest)
		}
		return func() (io.ReadCloser, error) { return b.inflatedPart(d, offset, size) }, nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return nil, fmt.Errorf("oci: %s: %w", d.Digest, err)
	}
	if digestOf([32]byte(sum.Sum(nil))) != d.Digest {
		return nil, &DigestError{d.Digest, "other content"}
	}
	return files, nil
}

// inflatedPart opens one file of a compressed tar layer: what lies before it is inflated too.
func (b blobs) inflatedPart(d descriptor, offset, size int64) (io.ReadCloser, error) {
	f, err := b.open(d)
	if err != nil {
		return nil, err
	}
	plain, err := newInflated(f, d)
	if err == nil {
		_, err = io.CopyN(io.Discard, plain, offset)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(plain, size), f}, nil
}

// inflated counts and bounds what a compressed layer becomes.
type inflated struct {
	z      *gzip.Reader
	d      descriptor
	n, max int64
}

func newInflated(r io.Reader, d descriptor) (*inflated, error) {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, tarError(d, err)
	}
	most := int64(math.MaxInt64)
	if d.Size < (math.MaxInt64-slack)/maxRatio {
		most = d.Size*maxRatio + slack
	}
	return &inflated{z: z, d: d, max: most}, nil
}

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.z.Read(p)
	if i.n += int64(n); i.n > i.max {
		return 0, malformed("layer %s grows more than %d times", i.d.Digest, maxRatio)
	}
	return n, err
}

// walkTar lists the files of a tar that r reads from its start; position tells where r is. file is asked for each how it is opened.
// Refused is what readers of tar understand differently, or what a model needs not: links, devices, sparse files, global headers,
// and content after the end. Headers may have a megabyte each: of them only names of files are kept.
func walkTar(ctx context.Context, d descriptor, r io.Reader, position func() int64, end int64, dirs map[string]bool,
	file func(entry) (opener, error),
) ([]treefs.File, error) {
	bad := func(format string, args ...any) error {
		return malformed("layer %s: %s", d.Digest, fmt.Sprintf(format, args...))
	}
	var files []treefs.File
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, tarError(d, err)
		}
		if n > 2*treefs.MaxFiles { // twice, for directories
			return nil, bad("too many entries")
		}
		name := strings.TrimPrefix(h.Name, "./")
		offset := position()
		switch {
		case sparse(h):
			return nil, bad("%q is sparse", clip(name))
		case h.Typeflag == tar.TypeDir:
			if name = strings.TrimSuffix(name, "/"); name != "" && name != "." {
				if err := treefs.CheckName(name); err != nil {
					return nil, bad("%v", err)
				}
				dirs[strings.Clone(name)] = true
			}
		case h.Typeflag != tar.TypeReg:
			return nil, bad("%q is neither file nor directory (type %q)", clip(name), h.Typeflag)
		case h.Size < 0 || offset > end || h.Size > end-offset:
			return nil, bad("%q reaches past the end", clip(name))
		default:
			if err := treefs.CheckName(name); err != nil {
				return nil, bad("%v", err)
			}
			open, err := file(entry{name, offset, h.Size, t})
			if err != nil {
				return nil, err
			}
			files = append(files, treefs.File{Name: strings.Clone(name), Size: h.Size, Open: open})
		}
	}
	// Some readers go on after the end, so nothing may be there.
	rest, err := io.ReadAll(io.LimitReader(r, maxPadding+1))
	if err != nil {
		return nil, tarError(d, err)
	}
	if len(rest) > maxPadding || strings.Trim(string(rest), "\x00") != "" {
		return nil, bad("content after the end")
	}
	return files, nil
}

func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// tarError tells a malformed layer from a fault of the storage.
func tarError(d descriptor, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, ErrLayout), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum),
		errors.Is(err, io.EOF), errors.As(err, &corrupt):
		return malformed("layer %s: %v", d.Digest, err)
	}
	return fmt.Errorf("oci: %s: %w", d.Digest, err)
}
