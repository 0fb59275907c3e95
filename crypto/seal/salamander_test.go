package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"
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

// salamander is one sealed file that opens under both keysets: one block of ciphertext is chosen so that both compute the
// same tag (Dodis, Grubbs, Ristenpart and Woodage, CRYPTO 2018).
func salamander(t *testing.T, h1, h2 *keyset.Handle, ad []byte) []byte {
	t.Helper()
	header := append([]byte{40}, bytes.Repeat([]byte{9}, 39)...)
	nonce := append(bytes.Clone(header[33:]), 0, 0, 0, 0, 1)
	const blocks = 4
	ct := bytes.Repeat([]byte{0x42}, blocks*16)
	var hash, mask [2]block
	for i, h := range []*keyset.Handle{h1, h2} {
		k, err := keyOf(h, MaxSegment)
		if err != nil {
			t.Fatal(err)
		}
		err = k.dek.Use(func(dek []byte) error {
			aesKey, err := hkdf.Key(sha256.New, dek, header[1:33], string(ad), 32)
			if err != nil {
				return err
			}
			c, err := aes.NewCipher(aesKey)
			if err != nil {
				return err
			}
			out := make([]byte, 16)
			c.Encrypt(out, make([]byte, 16))
			hash[i] = blockOf(out)
			c.Encrypt(out, append(bytes.Clone(nonce), 0, 0, 0, 1))
			mask[i] = blockOf(out)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
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
	return append(append(header, ct...), tag(0).add(free.mul(hash[0].pow(2))).bytes()...)
}

// One stream opens under two keysets to two plaintexts: the bare format does not commit to its key. In a sealed directory
// the second keyset is refused before anything is decrypted.
func TestSalamander(t *testing.T) {
	var h [2]*keyset.Handle
	for i := range h {
		var err error
		if h[i], err = NewKeyset(4096); err != nil {
			t.Fatal(err)
		}
	}
	ct := salamander(t, h[0], h[1], FileAD("m", 1, "weights"))
	var plain [2][]byte
	for i := range h {
		r, err := NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h[i], FileAD("m", 1, "weights"))
		if err != nil {
			t.Fatalf("the two-key stream does not open under key %d: %v", i, err)
		}
		plain[i] = make([]byte, r.Size())
		if err := r.ReadAllInto(t.Context(), plain[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(plain[0], plain[1]) {
		t.Fatal("one plaintext: this is no attack")
	}

	k, err := keyOf(h[0], MaxSegment)
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.commitment()
	if err != nil {
		t.Fatal(err)
	}
	m := manifest{
		Version: 1, Model: modelName{"m", 1}, Segment: 4096, Commitment: hex.EncodeToString(c[:]),
		Files: []sealed{{"weights", "blobs/0", int64(len(plain[0])), hex.EncodeToString(ct[:40])}},
	}
	b, err := m.bytes()
	if err != nil {
		t.Fatal(err)
	}
	mac, err := k.manifestMAC(b)
	if err != nil {
		t.Fatal(err)
	}
	dir := fstest.MapFS{manifestName: {Data: b}, macName: {Data: mac[:]}, "blobs/0": {Data: ct}}
	for i, want := range []error{nil, ErrCommitment} {
		f, err := OpenFS(t.Context(), dir, KeySourceFunc(func(context.Context, Info, []Wrapped) (*keyset.Handle, error) { return h[i], nil }))
		if !errors.Is(err, want) {
			t.Fatalf("key %d: %v, want %v", i, err, want)
		}
		if err == nil {
			if got, err := fs.ReadFile(f, "weights"); err != nil || !bytes.Equal(got, plain[i]) {
				t.Errorf("key %d: %v", i, err)
			}
		}
	}
}
