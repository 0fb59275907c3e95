package format

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
)

// zipTail is how far from the end readers look for the end record of a zip: its 22 bytes and the longest comment.
const zipTail = 22 + 1<<16 - 1

// zipAtEnd reports whether the last bytes of a file hold the end record of a zip, which is found from the end.
func zipAtEnd(data []byte) bool {
	return bytes.Contains(data[max(0, len(data)-zipTail):], []byte("PK\x05\x06"))
}

// hdf5Inside reports whether data has the signature of HDF5 at one of the places where its readers look behind a user's block:
// 512 bytes, and twice as far each time (HDF5 file format 3.0, II.A).
func hdf5Inside(data []byte) bool {
	for at := 512; at < len(data); at *= 2 {
		if bytes.HasPrefix(data[at:], []byte("\x89HDF\r\n\x1a\n")) {
			return true
		}
	}
	return false
}

// The first header of a tar archive: one block, in which the checksum of its bytes stands (POSIX.1-1988, ustar).
const (
	tarBlock            = 512
	tarSum, tarSumEnd   = 148, 156
	tarMagic, tarMagicN = 257, "ustar"
)

// isTar reports whether data begins as a tar archive. Readers, among them Python's, look at the checksum and not at the magic:
// torch.load opens such a file, whatever its name, and all of it may be printable text.
func isTar(data []byte) bool {
	if len(data) < tarBlock {
		return false
	}
	if string(data[tarMagic:tarMagic+len(tarMagicN)]) == tarMagicN {
		return true
	}
	want, ok := tarNumber(data[tarSum:tarSumEnd])
	if !ok {
		return false
	}
	unsigned, signed := int64(0), int64(0) // old archivers summed signed bytes
	for i, c := range data[:tarBlock] {
		if i >= tarSum && i < tarSumEnd {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want == unsigned || want == signed
}

// maxInflated bounds what is inflated of a text to see whether it is a pickle, in bytes.
const maxInflated = 1 << 20

// zlibPickle reports whether data is a pickle compressed by zlib. joblib.load takes any file that begins with "x" for one, and DEFLATE
// can be written in letters and digits alone, as Rosetta Flash showed: of the four headers of zlib "x^" is text.
func zlibPickle(data []byte) bool {
	if !bytes.HasPrefix(data, []byte("x^")) {
		return false
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data[2:])), maxInflated))
	return len(plain) == maxInflated || pickle.Detect(plain, err == nil) // no formula inflates to a MiB
}

// tarNumber reads a field of eight bytes as Python's reader does: octal digits, or GNU's form of larger and negative numbers, which is
// a byte 0x80 or 0xff and seven bytes, big-endian.
func tarNumber(field []byte) (int64, bool) {
	if field[0] == 0x80 || field[0] == 0xff {
		n := int64(binary.BigEndian.Uint64(field) & (1<<56 - 1))
		if field[0] == 0xff {
			n -= 1 << 56
		}
		return n, true
	}
	text, _, _ := strings.Cut(string(field), "\x00")
	text = strings.Trim(text, " \t\n\v\f\r\x1c\x1d\x1e\x1f")
	if text == "" {
		return 0, true // which a sum of signed bytes can be
	}
	text = strings.TrimPrefix(strings.NewReplacer("_", "", "0o", "", "0O", "").Replace(text), "+")
	n, err := strconv.ParseInt(text, 8, 64)
	return n, err == nil
}
