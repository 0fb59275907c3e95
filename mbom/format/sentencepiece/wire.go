package sentencepiece

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Wire types of protocol buffers. Groups, which are deprecated, and 64-bit values are in no message here.
const (
	varint    = 0
	delimited = 2
	fixed32   = 5
)

// errCut means that a field goes on behind the bytes at hand.
var errCut = errors.New("cut")

// field is one field as it stands in a message.
type field struct {
	number uint64
	wire   uint64
	value  uint64 // of a varint
	bytes  []byte // of a text or message
	length int64  // of a text or message, in bytes with tag and length
}

type reader struct{ rest []byte }

// next returns the next field. Of one that is cut (errCut) it returns what can be read: number 0 where not even the tag is there.
func (r *reader) next() (field, error) {
	var f field
	before := int64(len(r.rest))
	tag, err := r.varint()
	if err != nil {
		return f, err
	}
	f.number, f.wire = tag>>3, tag&7
	switch f.wire {
	case varint:
		f.value, err = r.varint()
		return f, err
	case fixed32:
		if len(r.rest) < 4 {
			return f, fmt.Errorf("%w: %w", ErrFormat, errCut)
		}
		r.rest = r.rest[4:]
		return f, nil
	case delimited:
		n, err := r.varint()
		if err != nil {
			return f, err
		}
		if n > 1<<31 { // a message has at most 2 GiB
			return f, malformed("field of %d bytes", n)
		}
		if f.length = before - int64(len(r.rest)) + int64(n); n > uint64(len(r.rest)) {
			return f, fmt.Errorf("%w: %w", ErrFormat, errCut)
		}
		f.bytes, r.rest = r.rest[:n], r.rest[n:]
		return f, nil
	}
	return f, malformed("wire type %d", f.wire)
}

// varint reads a number in its shortest form.
func (r *reader) varint() (uint64, error) {
	v, n := binary.Uvarint(r.rest)
	switch {
	case n == 0:
		return 0, fmt.Errorf("%w: %w", ErrFormat, errCut)
	case n < 0 || n > 1 && r.rest[n-1] == 0:
		return 0, malformed("a number too long")
	}
	r.rest = r.rest[n:]
	return v, nil
}
