package seal

import (
	"fmt"
	"math"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

const (
	gcmTag           = 16
	prefixSize       = 7
	nonceSize        = 12
	maxHeader        = 1 + 32 + prefixSize
	maxFormatSegment = math.MaxInt32
)

// layout is the arithmetic of the format. All sizes are in bytes and all offsets count from the start of the file, the
// header included, or of the plaintext.
type layout struct {
	header  int64 // 24 or 40
	segment int64 // ciphertext segment, tag included
	tag     int64 // 16 with AES-GCM, 10 to 64 with AES-CTR-HMAC
}

// room is how much plaintext a full segment other than the first holds.
func (l layout) room() int64 { return l.segment - l.tag }

// plain returns the plaintext size and the number of segments of a sealed file.
func (l layout) plain(sealed int64) (size, segments int64, err error) {
	if sealed < l.header+l.tag {
		return 0, 0, fmt.Errorf("%w: %d bytes cannot hold a header and a segment", ErrTruncated, sealed)
	}
	segments = (sealed-1)/l.segment + 1
	if segments > maxSegments {
		return 0, 0, fmt.Errorf("%w: %d segments", ErrTooLarge, segments)
	}
	if last := sealed - (segments-1)*l.segment; last < l.tag {
		return 0, 0, fmt.Errorf("%w: the last segment has %d bytes", ErrTruncated, last)
	}
	return sealed - l.header - segments*l.tag, segments, nil
}

// sealed returns the file size and the number of segments for a plaintext size. A full last segment is not followed by an
// empty one.
func (l layout) sealed(plain int64) (size, segments int64, err error) {
	if plain < 0 || plain > math.MaxInt64-l.header {
		return 0, 0, fmt.Errorf("%w: %d bytes", ErrTooLarge, plain)
	}
	x := plain + l.header
	segments = (x-1)/l.room() + 1
	if segments > maxSegments {
		return 0, 0, fmt.Errorf("%w: %d segments", ErrTooLarge, segments)
	}
	return x + segments*l.tag, segments, nil // at most (2^32-1)(2^31-1): no overflow
}

// plainStart is the plaintext offset of segment i.
func (l layout) plainStart(i int64) int64 {
	if i == 0 {
		return 0
	}
	return i*l.room() - l.header
}

// index is the segment that holds the plaintext byte at off.
func (l layout) index(off int64) int64 { return (off + l.header) / l.room() }

// start is the file offset of segment i's ciphertext.
func (l layout) start(i int64) int64 {
	if i == 0 {
		return l.header
	}
	return i * l.segment
}

// SealedSize is the size in bytes of the sealed file of plain bytes under h. Errors: [ErrKeyset], [ErrUnsupported],
// [ErrTooLarge].
func SealedSize(h *keyset.Handle, plain int64) (int64, error) {
	k, err := keyOf(h, maxFormatSegment)
	if err != nil {
		return 0, err
	}
	defer k.dek.Destroy()
	n, _, err := k.sealed(plain)
	return n, err
}

// PlainSize is the size in bytes of the plaintext of a sealed file of the given size under h. The size of a file proves
// nothing: [NewReaderAt] authenticates it. Errors: [ErrKeyset], [ErrUnsupported], [ErrTruncated], [ErrTooLarge].
func PlainSize(h *keyset.Handle, sealed int64) (int64, error) {
	k, err := keyOf(h, maxFormatSegment)
	if err != nil {
		return 0, err
	}
	defer k.dek.Destroy()
	n, _, err := k.plain(sealed)
	return n, err
}
