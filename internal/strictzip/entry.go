package strictzip

import (
	"errors"
	"strings"
)

// maxNothing is the length in bytes of no data, deflated, in its longer form (RFC 1951, section 3.2.4).
const maxNothing = 5

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
	const unix, darwin, typeMask, regular, directory = 3, 19, 0o170000, 0o100000, 0o040000
	const dosDirectory = 1 << 4 // in the low byte, whatever the system
	isDir := strings.HasSuffix(e.Name, "/")
	kind := attributes >> 16 & typeMask
	switch {
	case e.flags&^flagsKnown != 0:
		return nil, bad("%q: flags %#x (encryption?)", e.Name, e.flags)
	case e.flags&flagUTF8 == 0 && strings.ContainsFunc(e.Name, func(r rune) bool { return r >= 0x80 }):
		return nil, bad("%q: the encoding of the name is anybody's guess", e.Name)
	case disk != 0:
		return nil, bad("%q: lies on another volume", e.Name)
	case attributes&dosDirectory != 0 && !isDir:
		return nil, bad("%q: a directory whose name is a file's", e.Name)
	case (system == unix || system == darwin) && kind != 0 && kind != regular && !(kind == directory && isDir):
		return nil, bad("%q: neither file nor directory", e.Name)
	case isDir && (e.Plain != 0 || e.Packed > maxNothing):
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
	wide, err := extraData(extra)
	if err != nil {
		return err
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

// extraData returns the zip64 field of extra data, and refuses a second name (APPNOTE 4.6.9).
func extraData(extra []byte) (wide []byte, err error) {
	found := false
	for len(extra) > 0 {
		if len(extra) < 4 || len(extra)-4 < int(le.Uint16(extra[2:])) {
			return nil, errors.New("extra data is cut short")
		}
		id, value := le.Uint16(extra), extra[4:][:le.Uint16(extra[2:])]
		extra = extra[4+len(value):]
		if id == extraUnicodePath {
			return nil, errors.New("a second name")
		}
		if id == extraZip64 {
			if found {
				return nil, errors.New("two zip64 fields")
			}
			wide, found = value, true
		}
	}
	return wide, nil
}

// descriptor holds sizes that follow the data against the entry. They have four forms (APPNOTE 4.3.9).
func (z *reader) descriptor(e *Entry, n uint64) error {
	b, err := z.read(e.data+e.Packed, n, "a data descriptor")
	if err != nil {
		return err
	}
	signed := n == 16 || n == 24
	if signed && le.Uint32(b) != sigDescriptor {
		return bad("%q: its data descriptor is none", e.Name)
	}
	if signed {
		b = b[4:]
	}
	crc, packed, plain := le.Uint32(b), uint64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:12]))
	if len(b) == 20 {
		packed, plain = le.Uint64(b[4:]), le.Uint64(b[12:])
	}
	if crc != e.crc || packed != e.Packed || plain != e.Plain {
		return bad("%q: its data descriptor disagrees", e.Name)
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
	extra, err := z.read(e.at+lenLocal+uint64(nameLen), uint64(extraLen), "an entry")
	if err != nil {
		return err
	}
	if _, err := extraData(extra); err != nil { // whether or not sizes are looked for in it
		return bad("%q: %v", e.Name, err)
	}
	crc, packed, plain := le.Uint32(b[14:]), uint64(le.Uint32(b[18:])), uint64(le.Uint32(b[22:]))
	if e.flags&flagDescriptor != 0 && crc == 0 && (packed == 0 && plain == 0 || packed == sentinel32 && plain == sentinel32) {
		return nil // they follow the data, for those who read in one pass
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
