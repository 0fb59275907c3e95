package tdx

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errShort = errors.New("too short")

// A reader takes a quote apart; no length in it is trusted.
type reader struct{ rest []byte }

// next returns the next n bytes, or nil where there are fewer.
func (r *reader) next(n int) []byte {
	if n <= 0 || n > len(r.rest) {
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// sized32 returns what the 32 bits in front of it count.
func (r *reader) sized32() ([]byte, bool) {
	b := r.next(4)
	if b == nil {
		return nil, false
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(r.rest)) {
		return nil, false
	}
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out, true
}

func (r *reader) sized16() ([]byte, bool) {
	b := r.next(2)
	if b == nil {
		return nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n > len(r.rest) {
		return nil, false
	}
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out, true
}

// certification returns certification data of the one type that is wanted, which must be all that is left.
func (r *reader) certification(want uint16) ([]byte, error) {
	b := r.next(2)
	if b == nil {
		return nil, errShort
	}
	if got := binary.LittleEndian.Uint16(b); got != want {
		return nil, fmt.Errorf("certification data of type %d, want %d", got, want)
	}
	data, ok := r.sized32()
	switch {
	case !ok:
		return nil, errShort
	case len(r.rest) != 0:
		return nil, fmt.Errorf("%d bytes behind certification data of type %d", len(r.rest), want)
	}
	return data, nil
}
