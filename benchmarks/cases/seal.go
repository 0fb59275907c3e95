package cases

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// sealedBytes is large beside the caches, so that both sides stream from memory.
const sealedBytes = 16 << 20

// sealMemory decrypts a sealed file that lies in memory with one worker, beside AES-256-GCM over the same number of bytes
// in pieces of the same size.
func sealMemory(segment int, label string) (ratio.Case, error) {
	plain := make([]byte, sealedBytes)
	rand.Read(plain)
	h, err := seal.NewKeyset(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	ad := seal.FileAD("benchmark", 1, "model.safetensors")
	sealed, err := sealTo(h, ad, plain)
	if err != nil {
		return ratio.Case{}, err
	}
	r, err := seal.NewReaderAt(seal.PrivateBytes(sealed), int64(len(sealed)), h, ad, seal.WithWorkers(1))
	if err != nil {
		return ratio.Case{}, err
	}
	yardstick, err := rawOpen(plain, segment)
	if err != nil {
		return ratio.Case{}, err
	}
	dst := make([]byte, sealedBytes)
	ctx := context.Background()
	if err := r.ReadAllInto(ctx, dst, func(int64) {}); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(dst, plain) {
		return ratio.Case{}, fmt.Errorf("%s: decrypted bytes differ", label)
	}
	return ratio.Case{
		Name: "seal/decrypt/memory/" + label, Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   func() error { return r.ReadAllInto(ctx, dst, func(int64) {}) },
		Yardstick: yardstick,
	}, nil
}

// rawOpen returns work that opens plain from pieces of segment bytes, nonces and all, with the standard library alone.
func rawOpen(plain []byte, segment int) (func() error, error) {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := func(i int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), uint64(i)) }
	var pieces [][]byte
	for i, rest := 0, plain; len(rest) > 0; i++ {
		n := min(segment, len(rest))
		pieces = append(pieces, aead.Seal(nil, nonce(i), rest[:n], nil))
		rest = rest[n:]
	}
	dst := make([]byte, len(plain))
	return func() error {
		var n [12]byte
		out := dst
		for i, p := range pieces {
			binary.BigEndian.PutUint64(n[4:], uint64(i))
			opened, err := aead.Open(out[:0], n[:], p, nil)
			if err != nil {
				return err
			}
			out = out[len(opened):]
		}
		return nil
	}, nil
}
