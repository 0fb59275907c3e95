// Package strictzip reads zip archives (PKWARE APPNOTE 6.3.10) that have one meaning.
//
// An archive has its list of files at the end and a copy of each entry before the file, and readers differ in which they
// believe. Refused is all that lets them differ: copies that disagree, two ends that do, second names, files that overlap, gaps between
// them, bytes before the first or after the end, or behind the compressed data of one; and what no model needs: encryption, links, other methods than deflate,
// comments on the archive. Names are not judged: what may be a name is its callers' business, and so is what may be large.
package strictzip

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// ErrArchive: an archive is malformed, or could be read in two ways.
var ErrArchive = errors.New("zip: malformed archive")

const (
	// maxEntries bounds the number of entries: the files of the largest models, and a directory for each.
	maxEntries = 1 << 18
	// maxDirectory bounds the list of files of an archive, in bytes: that many of 250 bytes.
	maxDirectory = 64 << 20
)

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrArchive, fmt.Sprintf(format, args...))
}

// Entries reads the list of an archive of size bytes, stored or deflated, with or without zip64, and holds every copy against
// it. Entries come in the order in which they lie. Directories end with a slash. r must stay valid as long as entries are read.
// Errors: [ErrArchive], and faults of r.
func Entries(r io.ReaderAt, size int64) ([]Entry, error) {
	z := &reader{r: r, size: size}
	return z.entries()
}

// An Entry is one file as the list at the end describes it.
type Entry struct {
	Name          string
	Stored        bool   // not compressed
	Packed, Plain uint64 // bytes in the archive, and of the file

	r             io.ReaderAt
	flags, method uint16
	crc           uint32
	at            uint64 // of the entry's copy
	data          uint64 // of the file's bytes
}

// Signatures, flags and methods (APPNOTE 4.3, 4.4.4, 4.4.5).
const (
	sigLocal, sigCentral          = 0x04034b50, 0x02014b50
	sigDescriptor                 = 0x08074b50
	sigEnd, sigEnd64, sigLocate64 = 0x06054b50, 0x06064b50, 0x07064b50

	lenLocal, lenCentral          = 30, 46
	lenEnd, lenEnd64, lenLocate64 = 22, 56, 20

	flagDescriptor, flagUTF8 = 1 << 3, 1 << 11
	flagsKnown               = 1<<1 | 1<<2 | flagDescriptor | flagUTF8 // 1 and 2 are hints of deflate's effort

	methodStored, methodDeflated = 0, 8

	extraZip64, extraUnicodePath = 0x0001, 0x7075
	sentinel16, sentinel32       = 0xffff, 0xffffffff // "see zip64"
)

var le = binary.LittleEndian

type reader struct {
	r    io.ReaderAt
	size int64
}

func (z *reader) read(at, n uint64, what string) ([]byte, error) {
	if size := uint64(max(z.size, 0)); n > size || at > size-n {
		return nil, bad("%s lies outside of the archive", what)
	}
	b := make([]byte, n)
	if k, err := z.r.ReadAt(b, int64(at)); k < len(b) {
		if err == io.EOF || err == nil {
			return nil, bad("%s is cut short", what)
		}
		return nil, fmt.Errorf("zip: %w", err)
	}
	return b, nil
}

// entries reads and checks all entries, in the order in which their files lie.
func (z *reader) entries() ([]Entry, error) {
	n, at, length, err := z.end()
	if err != nil {
		return nil, err
	}
	if length > maxDirectory || n > length/lenCentral || n > maxEntries {
		return nil, bad("%d entries in a list of %d bytes", n, length)
	}
	list, err := z.read(at, length, "the list of files")
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, n)
	for i := range entries {
		if list, err = entries[i].parse(list); err != nil {
			return nil, err
		}
	}
	if len(list) > 0 {
		return nil, bad("%d bytes after the last entry", len(list))
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(min(max(int64(a.at-b.at), -1), 1)) })
	var end uint64
	var last *Entry
	for i := range entries {
		e := &entries[i]
		if !follows(end, e.at, last) {
			return nil, bad("%q lies at %d, and what is before it ends at %d", e.Name, e.at, end)
		}
		if e.at > end {
			if err := z.descriptor(last, e.at-end); err != nil {
				return nil, err
			}
		}
		if err := z.local(e); err != nil {
			return nil, err
		}
		e.r, e.Stored = z.r, e.method == methodStored
		if end, last = e.data+e.Packed, e; e.data > at || e.Packed > at-e.data {
			return nil, bad("%q reaches into the list of files", e.Name)
		}
	}
	if !follows(end, at, last) {
		return nil, bad("bytes between the last file and the list")
	}
	if at > end {
		if err := z.descriptor(last, at-end); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// follows says whether next comes straight after end, which is that of last, or after what is as long as one of the forms of a data descriptor.
func follows(end, next uint64, last *Entry) bool {
	gap := next - end
	return next >= end && (gap == 0 || last != nil && last.flags&flagDescriptor != 0 && (gap == 12 || gap == 16 || gap == 20 || gap == 24))
}

// Open opens the file from its start. A stored one is an [io.ReaderAt] too; a deflated one that is not what its entry says gives
// [ErrArchive] when it is read. The bytes of a stored file are not held against its checksum.
func (e Entry) Open() (io.ReadCloser, error) {
	section := io.NewSectionReader(e.r, int64(e.data), int64(e.Packed))
	if e.method == methodStored {
		return storedFile{section}, nil
	}
	packed := bufio.NewReader(section) // an io.ByteReader, of which flate takes what it needs and no more
	return &deflatedFile{ReadCloser: flate.NewReader(packed), packed: packed, entry: e}, nil
}

type storedFile struct{ *io.SectionReader }

func (storedFile) Close() error { return nil }

// deflatedFile reads a deflated file and holds it against its entry.
type deflatedFile struct {
	io.ReadCloser
	packed *bufio.Reader
	entry  Entry
	n      uint64
	crc    uint32
}

func (f *deflatedFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.n += uint64(n)
	f.crc = crc32.Update(f.crc, crc32.IEEETable, p[:n])
	var corrupt flate.CorruptInputError
	switch {
	case f.n > f.entry.Plain, err == io.EOF && (f.n != f.entry.Plain || f.crc != f.entry.crc || !f.atEnd()),
		err == io.ErrUnexpectedEOF, errors.As(err, &corrupt):
		return 0, bad("%q: its content is not what its entry says", f.entry.Name)
	}
	return n, err
}

// atEnd reports whether nothing lies behind the compressed data: who reads from front to back would take it for further files.
func (f *deflatedFile) atEnd() bool {
	_, err := f.packed.ReadByte()
	return err == io.EOF
}
