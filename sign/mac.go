package sign

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// A tag authenticates one chunk of a file that was verified as a whole.
type tag [16]byte

// A tagger makes tags under a random key that never leaves the process. Storage never sees a tag or the key, so a chunk
// that was changed after its file was verified passes with probability 2^-112 at most: GMAC is a polynomial over the 2^14
// blocks of a chunk in a field of 2^128 elements (NIST SP 800-38D, appendix C). It costs a tenth of hashing.
//
// The index of a chunk is its nonce. The same index may be tagged again, of other bytes, when a pass that failed is
// repeated; that would matter only if a tag could be seen.
type tagger struct {
	gmac cipher.AEAD
	hmac []byte // key instead, where FIPS 140 allows no nonces of one's own
}

func newTagger() tagger {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err == nil {
		var gmac cipher.AEAD
		if gmac, err = cipher.NewGCM(block); err == nil {
			return tagger{gmac: gmac}
		}
	}
	return tagger{hmac: key}
}

// tag returns the tag of chunk number i of a file.
func (t tagger) tag(i int64, chunk []byte) (out tag) {
	if t.gmac != nil {
		var nonce [12]byte
		binary.BigEndian.PutUint64(nonce[4:], uint64(i))
		t.gmac.Seal(out[:0], nonce[:], nil, chunk)
		return out
	}
	h := hmac.New(sha256.New, t.hmac)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(i)))
	h.Write(chunk)
	copy(out[:], h.Sum(nil))
	return out
}

// good reports whether chunk is what want was made of.
func (t tagger) good(i int64, chunk []byte, want tag) bool {
	got := t.tag(i, chunk)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
