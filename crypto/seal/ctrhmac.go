package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
)

// macKeySize is the size in bytes of the HMAC key of AES-CTR-HMAC streaming, whatever its hash.
const macKeySize = 32

// ctrHMAC opens segments of Tink's AES-CTR-HMAC streaming:
//
//	nonce     := nonce prefix || uint32be(i) || last || 00000000     the last four bytes count blocks
//	segment_i := ct_i || HMAC(macKey, nonce || ct_i)[:tag], ct_i = AES-CTR(aesKey, nonce, plaintext_i)
//
// It has the method of [cipher.AEAD] that readers need and no Seal: these files are read, not written.
type ctrHMAC struct {
	block cipher.Block
	tag   int
	macs  sync.Pool // of *macState
}

// macState is what one goroutine needs. Only the CTR stream of the standard library is allocated anew for each segment.
type macState struct {
	mac   hash.Hash
	nonce [aes.BlockSize]byte
	sum   [64]byte // the longest HMAC
}

// errTag says no more than the caller can use: one message for all that is not authentic.
var errTag = errors.New("seal: tag")

func newCTRHMAC(aesKey, macKey []byte, h func() hash.Hash, tag int) (*ctrHMAC, error) {
	block, err := aes.NewCipher(aesKey)
	if err != nil {
		return nil, fmt.Errorf("seal: derive: %w", err)
	}
	c := &ctrHMAC{block: block, tag: tag}
	first := &macState{mac: hmac.New(h, macKey)}
	c.macs.New = func() any { return &macState{mac: hmac.New(h, macKey)} }
	c.macs.Put(first)
	return c, nil
}

// Open authenticates a segment and appends its plaintext to dst. The tag is compared before anything is decrypted.
func (c *ctrHMAC) Open(dst, nonce, segment, _ []byte) ([]byte, error) {
	if len(segment) < c.tag {
		return nil, errTag
	}
	ct, tag := segment[:len(segment)-c.tag], segment[len(segment)-c.tag:]
	m := c.macs.Get().(*macState)
	defer c.macs.Put(m)
	clear(m.nonce[copy(m.nonce[:], nonce):])
	m.mac.Reset()
	m.mac.Write(m.nonce[:])
	m.mac.Write(ct)
	if subtle.ConstantTimeCompare(m.mac.Sum(m.sum[:0])[:c.tag], tag) != 1 {
		return nil, errTag
	}
	n := len(dst)
	dst = slices.Grow(dst, len(ct))[:n+len(ct)]
	cipher.NewCTR(c.block, m.nonce[:]).XORKeyStream(dst[n:], ct)
	return dst, nil
}
