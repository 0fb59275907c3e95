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
	aead     cipher.AEAD
	prefix   [prefixSize]byte
	segments int64
	size     int64 // plaintext bytes
}

// worker is what one goroutine needs to open or seal segments without allocating. The nonce lives here because it would
// escape through the AEAD's interface.
type worker struct {
	nonce [nonceSize]byte
	in    []byte // private copy of the input: ciphertext on reading, plaintext on writing
	out   []byte // output where it does not go straight to its destination
}

func (w *worker) setNonce(prefix [prefixSize]byte, i int64, last bool) {
	copy(w.nonce[:], prefix[:])
	binary.BigEndian.PutUint32(w.nonce[prefixSize:], uint32(i))
	w.nonce[nonceSize-1] = 0
	if last {
		w.nonce[nonceSize-1] = 1
	}
}

// grow returns b with length n, reusing its memory where it can.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
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
	s.aead, err = k.aead(header[1:1+k.derived], ad)
	return s, err
}
