// Package twokey makes one sealed file that opens under two keys, to test what refuses the second.
package twokey

import (
	"bytes"
	"crypto/aes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// block is an element of GF(2^128) in GCM's bit order (NIST SP 800-38D section 6.3), as two halves.
type block struct{ hi, lo uint64 }

func blockOf(b []byte) block {
	return block{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (x block) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, x.hi), x.lo)
}

func (x block) add(y block) block { return block{x.hi ^ y.hi, x.lo ^ y.lo} }

func (x block) mul(y block) (z block) {
	for i := range 128 {
		w := x.hi
		if i >= 64 {
			w = x.lo
		}
		if w>>(63-i%64)&1 == 1 {
			z = z.add(y)
		}
		carry := y.lo & 1
		y = block{y.hi >> 1, y.lo>>1 | y.hi<<63}
		if carry == 1 {
			y.hi ^= 0xe1 << 56
		}
	}
	return z
}

func (x block) pow(n int) block {
	z := block{hi: 1 << 63}
	for range n {
		z = z.mul(x)
	}
	return z
}

// inverse is x^(2^128-2).
func (x block) inverse() block {
	z := block{hi: 1 << 63}
	for range 127 {
		x = x.mul(x)
		z = z.mul(x)
	}
	return z
}

// PlainSize is the size in bytes of both plaintexts.
const PlainSize = 64

// File is a sealed file of one segment (Tink AES-GCM-HKDF streaming, 32-byte keys, HKDF-SHA256) that opens under both keys
// with the same associated data, to two plaintexts: one block of ciphertext is chosen so that both compute the same tag
// (Dodis, Grubbs, Ristenpart and Woodage, CRYPTO 2018).
func File(key1, key2, ad []byte) ([]byte, error) {
	header := append([]byte{40}, bytes.Repeat([]byte{9}, 39)...)
	nonce := append(bytes.Clone(header[33:]), 0, 0, 0, 0, 1)
	const blocks = PlainSize / 16
	ct := bytes.Repeat([]byte{0x42}, PlainSize)
	var hash, mask [2]block
	for i, key := range [][]byte{key1, key2} {
		aesKey, err := hkdf.Key(sha256.New, key, header[1:33], string(ad), 32)
		if err != nil {
			return nil, err
		}
		c, err := aes.NewCipher(aesKey)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 16)
		c.Encrypt(out, make([]byte, 16))
		hash[i] = blockOf(out)
		c.Encrypt(out, append(bytes.Clone(nonce), 0, 0, 0, 1))
		mask[i] = blockOf(out)
	}
	tag := func(i int) block { // with the last block of ciphertext left out
		sum := mask[i].add(block{lo: blocks * 128}.mul(hash[i]))
		for j := range blocks - 1 {
			sum = sum.add(blockOf(ct[16*j:]).mul(hash[i].pow(blocks + 1 - j)))
		}
		return sum
	}
	free := tag(0).add(tag(1)).mul(hash[0].pow(2).add(hash[1].pow(2)).inverse())
	copy(ct[16*(blocks-1):], free.bytes())
	return append(append(header, ct...), tag(0).add(free.mul(hash[0].pow(2))).bytes()...), nil
}
