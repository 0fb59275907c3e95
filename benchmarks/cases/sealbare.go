package cases

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"
)

// bare is the least that opening or making a sealed file can cost: the same segments, in the same memory, with AES-256-GCM of
// the standard library alone. Memory differs in speed by where it lies, so a yardstick with memory of its own would measure that.
type bare struct {
	aead    cipher.AEAD
	prefix  []byte // of the nonces
	segment int    // bytes of ciphertext
}

// headerSize is what a sealed file begins with: a byte of length, salt of 32, prefix of 7 (docs/SPEC.md).
const headerSize = 40

func (f *sealedFile) bare(segment int) (*bare, error) {
	entry, err := f.handle.Primary()
	if err != nil {
		return nil, err
	}
	k, ok := entry.Key().(*aesgcmhkdf.Key)
	if !ok || f.sealed[0] != headerSize {
		return nil, errors.New("not AES-256-GCM-HKDF")
	}
	derived, err := hkdf.Key(sha256.New, k.KeyBytes().Data(insecuresecretdataaccess.Token{}), f.sealed[1:33], string(f.ad), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &bare{aead, f.sealed[33:headerSize], segment}, err
}

func (b *bare) nonce(n *[12]byte, i int, last bool) {
	copy(n[:], b.prefix)
	binary.BigEndian.PutUint32(n[7:], uint32(i))
	if n[11] = 0; last {
		n[11] = 1
	}
}

// open opens sealed, header and all, into dst.
func (b *bare) open(dst, sealed []byte) error {
	var n [12]byte
	rest, k := sealed[headerSize:], b.segment-headerSize
	for i := 0; len(rest) > 0; i++ {
		k = min(k, len(rest))
		b.nonce(&n, i, k == len(rest))
		opened, err := b.aead.Open(dst[:0], n[:], rest[:k], nil)
		if err != nil {
			return err
		}
		dst, rest, k = dst[len(opened):], rest[k:], b.segment
	}
	return nil
}

// seal writes the segments of plain behind the header's place in dst.
func (b *bare) seal(dst, plain []byte) {
	var n [12]byte
	dst = dst[headerSize:]
	k := b.segment - headerSize
	for i := 0; len(plain) > 0; i++ {
		k = min(k-b.aead.Overhead(), len(plain))
		b.nonce(&n, i, k == len(plain))
		b.aead.Seal(dst[:0], n[:], plain[:k], nil)
		dst, plain, k = dst[k+b.aead.Overhead():], plain[k:], b.segment
	}
}
