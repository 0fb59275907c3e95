// Package strictzip reads zip archives (PKWARE APPNOTE 6.3.10) that have one meaning.
//
// An archive has its list of files at the end and a copy of each entry before the file, and readers differ in which they
// believe. Refused is all that lets them differ: copies that disagree, two ends that do, files that overlap, gaps between
// them, bytes before the first or after the end; and what no model needs: encryption, links, other methods than deflate,
// comments on the archive. Names are not judged: what may be a name is its callers' business, and so is what may be large.
package strictzip

import (
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
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
	descriptor := false
	for i := range entries {
		e := &entries[i]
		if !follows(end, e.at, descriptor) {
			return nil, bad("%q lies at %d, and what is before it ends at %d", e.Name, e.at, end)
		}
		if err := z.local(e); err != nil {
			return nil, err
		}
		e.r, e.Stored = z.r, e.method == methodStored
		if end, descriptor = e.data+e.Packed, e.flags&flagDescriptor != 0; e.data > at || e.Packed > at-e.data {
			return nil, bad("%q reaches into the list of files", e.Name)
		}
	}
	if !follows(end, at, descriptor) {
		return nil, bad("bytes between the last file and the list")
	}
	return entries, nil
}

// follows says whether next comes straight after end, or after a data descriptor, which has four forms (APPNOTE 4.3.9).
func follows(end, next uint64, descriptor bool) bool {
	gap := next - end
	return next >= end && (gap == 0 || descriptor && (gap == 12 || gap == 16 || gap == 20 || gap == 24))
}

// end reads the end of the archive and returns number, offset and length of the entries.
func (z *reader) end() (n, at, length uint64, err error) {
	if z.size < lenEnd {
		return 0, 0, 0, bad("%d bytes", z.size)
	}
	stop := uint64(z.size) - lenEnd
	b, err := z.read(stop, lenEnd, "the end")
	if err != nil {
		return 0, 0, 0, err
	}
	if le.Uint32(b) != sigEnd || le.Uint16(b[20:]) != 0 {
		return 0, 0, 0, bad("it does not end as an archive without a comment does")
	}
	here := uint64(le.Uint16(b[8:]))
	n, length, at = uint64(le.Uint16(b[10:])), uint64(le.Uint32(b[12:])), uint64(le.Uint32(b[16:]))
	if le.Uint32(b[4:]) != 0 || here != n {
		return 0, 0, 0, bad("it has several volumes")
	}
	wide, err := z.locator(stop)
	if err != nil {
		return 0, 0, 0, err
	}
	// Some readers look for a zip64 end wherever its locator stands, others where the end asks for it: both must find the same.
	if wide || n == sentinel16 || length == sentinel32 || at == sentinel32 {
		n64, at64, length64, start, err := z.end64(stop)
		if err != nil {
			return 0, 0, 0, err
		}
		if n != sentinel16 && n != n64 || length != sentinel32 && length != length64 || at != sentinel32 && at != at64 {
			return 0, 0, 0, bad("its two ends disagree")
		}
		n, at, length, stop = n64, at64, length64, start
	}
	if length > stop || at != stop-length {
		return 0, 0, 0, bad("the list of files is not where the end says")
	}
	return n, at, length, nil
}

// locator reports whether the locator of a zip64 end stands before stop.
func (z *reader) locator(stop uint64) (bool, error) {
	if stop < lenLocate64 {
		return false, nil
	}
	b, err := z.read(stop-lenLocate64, 4, "the end")
	return err == nil && le.Uint32(b) == sigLocate64, err
}

// end64 reads the zip64 end and its locator, which lie before stop.
func (z *reader) end64(stop uint64) (n, at, length, start uint64, err error) {
	if stop < lenLocate64+lenEnd64 {
		return 0, 0, 0, 0, bad("no zip64 end")
	}
	start = stop - lenLocate64 - lenEnd64
	b, err := z.read(start, lenEnd64+lenLocate64, "the zip64 end")
	if err != nil {
		return 0, 0, 0, 0, err
	}
	l := b[lenEnd64:]
	if le.Uint32(l) != sigLocate64 || le.Uint32(l[4:]) != 0 || le.Uint64(l[8:]) != start || le.Uint32(l[16:]) > 1 ||
		le.Uint32(b) != sigEnd64 || le.Uint64(b[4:]) != lenEnd64-12 || le.Uint64(b[16:]) != 0 || le.Uint64(b[24:]) != le.Uint64(b[32:]) {
		return 0, 0, 0, 0, bad("its zip64 end is not one")
	}
	return le.Uint64(b[32:]), le.Uint64(b[48:]), le.Uint64(b[40:]), start, nil
}

// parse reads one entry of the list and returns what follows it.
func (e *Entry) parse(b []byte) ([]byte, error) {
	if len(b) < lenCentral || le.Uint32(b) != sigCentral {
		return nil, bad("an entry of the list is none")
	}
	system, attributes := b[5], le.Uint32(b[38:])
	e.flags, e.method, e.crc = le.Uint16(b[8:]), le.Uint16(b[10:]), le.Uint32(b[16:])
	e.Packed, e.Plain, e.at = uint64(le.Uint32(b[20:])), uint64(le.Uint32(b[24:])), uint64(le.Uint32(b[42:]))
	nameLen, extraLen, commentLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
	disk := le.Uint16(b[34:])
	if b = b[lenCentral:]; len(b) < nameLen+extraLen+commentLen {
		return nil, bad("an entry of the list is cut short")
	}
	e.Name = string(b[:nameLen])
	extra, rest := b[nameLen:nameLen+extraLen], b[nameLen+extraLen+commentLen:]
	if err := zip64(extra, &e.Plain, &e.Packed, &e.at); err != nil {
		return nil, bad("%q: %v", e.Name, err)
	}
	const unix, typeMask, regular, directory = 3, 0o170000, 0o100000, 0o040000
	isDir := strings.HasSuffix(e.Name, "/")
	kind := attributes >> 16 & typeMask
	switch {
	case e.flags&^flagsKnown != 0:
		return nil, bad("%q: flags %#x (encryption?)", e.Name, e.flags)
	case e.flags&flagUTF8 == 0 && strings.ContainsFunc(e.Name, func(r rune) bool { return r >= 0x80 }):
		return nil, bad("%q: the encoding of the name is anybody's guess", e.Name)
	case disk != 0:
		return nil, bad("%q: lies on another volume", e.Name)
	case system == unix && kind != 0 && kind != regular && !(kind == directory && isDir):
		return nil, bad("%q: neither file nor directory", e.Name)
	case isDir && e.Plain != 0:
		return nil, bad("%q: a directory with content", e.Name)
	case e.method == methodStored && e.Packed != e.Plain:
		return nil, bad("%q: %d bytes become %d", e.Name, e.Packed, e.Plain)
	case e.method != methodStored && e.method != methodDeflated:
		return nil, bad("%q: method %d", e.Name, e.method)
	case e.Plain > 1<<62 || e.Packed > 1<<62 || e.at > 1<<62: // so that sums stay below 2^63
		return nil, bad("%q: absurd sizes", e.Name)
	}
	return rest, nil
}

// zip64 reads the fields that say "see zip64" from the extra data, which must hold them and no others (APPNOTE 4.5.3).
func zip64(extra []byte, fields ...*uint64) error {
	var wide []byte
	found := false
	for len(extra) > 0 {
		if len(extra) < 4 || len(extra)-4 < int(le.Uint16(extra[2:])) {
			return errors.New("extra data is cut short")
		}
		id, value := le.Uint16(extra), extra[4:][:le.Uint16(extra[2:])]
		extra = extra[4+len(value):]
		if id == extraUnicodePath {
			return errors.New("a second name")
		}
		if id == extraZip64 {
			if found {
				return errors.New("two zip64 fields")
			}
			wide, found = value, true
		}
	}
	for _, f := range fields {
		if *f != sentinel32 {
			continue
		}
		if len(wide) < 8 {
			return errors.New("no zip64 size")
		}
		*f, wide = le.Uint64(wide), wide[8:]
	}
	// Go's archive/zip adds the last field, the offset, also where it is not asked for.
	if last := *fields[len(fields)-1]; len(wide) > 0 && (len(wide) != 8 || le.Uint64(wide) != last) {
		return errors.New("zip64 sizes that nobody asked for")
	}
	return nil
}

// local holds the copy of an entry against it and finds the data.
func (z *reader) local(e *Entry) error {
	b, err := z.read(e.at, lenLocal+uint64(len(e.Name)), "an entry")
	if err != nil {
		return err
	}
	nameLen, extraLen := le.Uint16(b[26:]), le.Uint16(b[28:])
	if le.Uint32(b) != sigLocal || int(nameLen) != len(e.Name) || string(b[lenLocal:]) != e.Name ||
		le.Uint16(b[6:]) != e.flags || le.Uint16(b[8:]) != e.method {
		return bad("%q: its two entries disagree", e.Name)
	}
	e.data = e.at + lenLocal + uint64(nameLen) + uint64(extraLen)
	crc, packed, plain := le.Uint32(b[14:]), uint64(le.Uint32(b[18:])), uint64(le.Uint32(b[22:]))
	if e.flags&flagDescriptor != 0 && crc == 0 && (packed == 0 && plain == 0 || packed == sentinel32 && plain == sentinel32) {
		return nil // they follow the data, for those who read in one pass
	}
	extra, err := z.read(e.at+lenLocal+uint64(nameLen), uint64(extraLen), "an entry")
	if err != nil {
		return err
	}
	if packed != sentinel32 || plain != sentinel32 { // a copy has both or none in zip64 (APPNOTE 4.5.3)
		extra = nil
	}
	if err := zip64(extra, &plain, &packed); err != nil {
		return bad("%q: %v", e.Name, err)
	}
	if crc != e.crc || packed != e.Packed || plain != e.Plain {
		return bad("%q: its two entries disagree", e.Name)
	}
	return nil
}

// Open opens the file from its start. A stored one is an [io.ReaderAt] too; a deflated one that is not what its entry says gives
// [ErrArchive] when it is read. The bytes of a stored file are not held against its checksum.
func (e Entry) Open() (io.ReadCloser, error) {
	section := io.NewSectionReader(e.r, int64(e.data), int64(e.Packed))
	if e.method == methodStored {
		return storedFile{section}, nil
	}
	return &deflatedFile{ReadCloser: flate.NewReader(section), entry: e}, nil
}

type storedFile struct{ *io.SectionReader }

func (storedFile) Close() error { return nil }

// deflatedFile reads a deflated file and holds it against its entry.
type deflatedFile struct {
	io.ReadCloser
	entry Entry
	n     uint64
	crc   uint32
}

func (f *deflatedFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.n += uint64(n)
	f.crc = crc32.Update(f.crc, crc32.IEEETable, p[:n])
	var corrupt flate.CorruptInputError
	switch {
	case f.n > f.entry.Plain, err == io.EOF && (f.n != f.entry.Plain || f.crc != f.entry.crc),
		err == io.ErrUnexpectedEOF, errors.As(err, &corrupt):
		return 0, bad("%q: its content is not what its entry says", f.entry.Name)
	}
	return n, err
}
