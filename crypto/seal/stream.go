package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// stream is one file: its layout, cipher and extent.
type stream struct {
	layout
	cipher   opener
	prefix   [prefixSize]byte
	segments int64
	size     int64 // plaintext bytes
}

func (w *worker) setNonce(prefix [prefixSize]byte, i int64, last bool) {
	copy(w.nonce[:], prefix[:])
	binary.BigEndian.PutUint32(w.nonce[prefixSize:], uint32(i))
	w.nonce[nonceSize-1] = 0
	if last {
		w.nonce[nonceSize-1] = 1
	}
}

// plainLen is the number of plaintext bytes of the segments first to first+count-1.
func (s *stream) plainLen(first, count int64) int64 {
	end := s.size
	if first+count < s.segments {
		end = s.plainStart(first + count)
	}
	return end - s.plainStart(first)
}

// batch is how many segments are handled at a time.
func (s *stream) batch() int64 { return max(1, batchBytes/s.segment) }

// newHeader draws a salt and a nonce prefix.
func (k *key) newHeader() []byte {
	h := make([]byte, k.header)
	rand.Read(h) // never fails: it ends the program instead
	h[0] = byte(k.header)
	return h
}

// stream makes the stream of a header: it checks the header's form, not yet any segment.
func (k *key) stream(header, ad []byte) (s stream, err error) {
	if int64(len(header)) != k.header || header[0] != byte(k.header) {
		return s, fmt.Errorf("%w: file header", ErrFormat)
	}
	s.layout = k.layout
	copy(s.prefix[:], header[1+k.derived:])
	s.cipher, err = k.opener(header[1:1+k.derived], ad)
	return s, err
}

// sealing makes the stream of a file to be written. Of what Tink streams with, only AES-GCM is an AEAD.
func (k *key) sealing(header, ad []byte) (stream, cipher.AEAD, error) {
	s, err := k.stream(header, ad)
	if err != nil {
		return s, nil, err
	}
	aead, ok := s.cipher.(cipher.AEAD)
	if !ok {
		return s, nil, errReadOnly
	}
	return s, aead, nil
}

var errReadOnly = fmt.Errorf("%w: AES-CTR-HMAC files are read, not written", ErrUnsupported)

// cut is asked about a last segment that did not open as one, with err. One that opens as a middle segment proves that the
// file was cut between two segments.
func (s *stream) cut(w *worker, i int64, ct []byte, err error) error {
	w.out = grow(w.out, int64(len(ct))-s.tag)
	w.setNonce(s.prefix, i, middleSegment)
	if _, oerr := s.cipher.Open(w.out[:0], w.nonce[:], ct, nil); oerr != nil {
		return err
	}
	clear(w.out)
	return fmt.Errorf("%w: segments after %d are missing", ErrTruncated, i)
}
