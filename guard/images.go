package guard

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// maxMetadata bounds what an image carries beside its pixels: profiles, texts, previews. Decoders unpack some of it, a thousand
// times its size, and photographs have some 30 KiB.
const maxMetadata = 256 << 10

// maxScans bounds the scans of a progressive JPEG file, each a pass over all of its pixels: encoders make 10, some a few dozens.
const maxScans = 100

var (
	errScans    = errors.New("guard: too many scans of an image")
	errParts    = errors.New("guard: the parts of an image do not add up to it")
	errMetadata = errors.New("guard: too much beside the pixels of an image")
)

// pictures counts the frames of an image that is a file of one format from its first byte to its last: what follows an image is
// another file to another reader.
func pictures(typ string, data []byte) (frames int, err error) {
	switch typ {
	case "image/png":
		return pngFrames(data)
	case "image/gif":
		return gifFrames(data)
	}
	return 1, jpegParts(data)
}

// pngFrames walks the chunks of a PNG file (ISO/IEC 15948, 5.3: length || type || data || CRC).
func pngFrames(data []byte) (frames int, err error) {
	const header = 8
	frames = 1
	beside := 0
	for b := data[header:]; len(b) >= 12; {
		n := binary.BigEndian.Uint32(b)
		if n > uint32(len(b)-12) {
			return 0, errParts
		}
		name, body := string(b[4:8]), b[8:8+n]
		b = b[12+n:]
		switch {
		case name == "IEND":
			if n != 0 || len(b) != 0 {
				return 0, errParts
			}
			return frames, nil
		case name == "acTL" && n == 8: // an animation (PNG 3, 11.3.6.1)
			frames = max(frames, int(min(binary.BigEndian.Uint32(body), 1<<30)))
		case name == "fdAT": // counted by acTL
		case name[0]&0x20 != 0: // not needed to decode it
			if beside += len(body); beside > maxMetadata {
				return 0, errMetadata
			}
		}
	}
	return 0, errParts
}

// gifFrames walks the blocks of a GIF file (GIF89a, 18 to 27).
func gifFrames(data []byte) (frames int, err error) {
	if len(data) < 13 {
		return 0, errParts
	}
	table := func(flags byte) int {
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (flags&7 + 1)
	}
	b := data[13:]
	word := func(b []byte) int { return int(binary.LittleEndian.Uint16(b)) }
	skip := func(n int) bool {
		if n > len(b) {
			return false
		}
		b = b[n:]
		return true
	}
	blocks := func() (n int, ok bool) { // data in pieces, each behind its length, up to one of none
		for len(b) > 0 {
			k := int(b[0])
			if !skip(1 + k) {
				return n, false
			}
			if n += k; k == 0 {
				return n, true
			}
		}
		return n, false
	}
	if !skip(table(data[10])) {
		return 0, errParts
	}
	beside := 0
	for len(b) > 0 {
		switch b[0] {
		case 0x3b: // the end
			if len(b) != 1 || frames == 0 {
				return 0, errParts
			}
			return frames, nil
		case 0x21: // an extension
			if !skip(2) {
				return 0, errParts
			}
			n, ok := blocks()
			if beside += n; !ok {
				return 0, errParts
			}
			if beside > maxMetadata {
				return 0, errMetadata
			}
		case 0x2c: // an image
			if len(b) < 10 || word(b[1:])+word(b[5:]) > word(data[6:]) || word(b[3:])+word(b[7:]) > word(data[8:]) { // outside of the picture
				return 0, errParts
			}
			if !skip(10+table(b[9])) || !skip(1) {
				return 0, errParts
			}
			if _, ok := blocks(); !ok {
				return 0, errParts
			}
			frames++
		default:
			return 0, errParts
		}
	}
	return 0, errParts
}

// jpegParts walks the segments of a JPEG file and the pixels between them (ITU-T T.81, B.1.1): there is one header of a frame,
// and the file ends where the image does, at the first marker that says so.
func jpegParts(data []byte) error {
	const app0, com, startOfScan, end = 0xe0, 0xfe, 0xda, 0xd9
	beside, headers, scans := 0, 0, 0
	for b := data[2:]; len(b) >= 2 && b[0] == 0xff; {
		kind := b[1]
		switch {
		case kind == 0xff: // a fill byte
			b = b[1:]
			continue
		case kind == end:
			if len(b) != 2 || scans == 0 || headers != 1 {
				return errParts
			}
			return nil
		case kind < 0xc0 || kind >= 0xd0 && kind < end || len(b) < 4: // markers without a segment
			return errParts
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 2 || n > len(b)-2 {
			return errParts
		}
		b = b[2+n:]
		switch {
		case kind == startOfScan:
			if scans++; headers != 1 {
				return errParts
			}
			if scans > maxScans {
				return errScans
			}
			b = b[pixels(b):]
		case kind <= 0xcf && kind != 0xc4 && kind != 0xc8 && kind != 0xcc:
			headers++
		case kind >= app0 && kind <= app0+15 || kind == com:
			if beside += n; beside > maxMetadata {
				return errMetadata
			}
		}
	}
	return errParts
}

// pixels is the length of the coded data of a scan: up to a marker that is none of those inside of it, a stuffed 0xff or where
// decoding may start again.
func pixels(b []byte) int {
	for at := 0; ; at += 2 {
		i := bytes.IndexByte(b[at:], 0xff)
		if i < 0 || at+i+1 == len(b) {
			return len(b)
		}
		at += i
		if k := b[at+1]; k != 0 && (k < 0xd0 || k > 0xd7) {
			return at
		}
	}
}
