package cases

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// sealedBytes is large beside the caches, so that both sides stream from memory.
const sealedBytes = 16 << 20

// A sealedFile is random plaintext, what package seal made of it, and a reader of that with one worker.
type sealedFile struct {
	handle            *keyset.Handle
	ad, plain, sealed []byte
	reader            *seal.ReaderAt
}

func newSealedFile(segment int) (*sealedFile, error) {
	f := &sealedFile{plain: make([]byte, sealedBytes), ad: seal.FileAD("benchmark", 1, "model.safetensors")}
	rand.Read(f.plain)
	var err error
	if f.handle, err = seal.NewKeyset(segment); err != nil {
		return nil, err
	}
	if f.sealed, err = sealTo(f.handle, f.ad, f.plain); err != nil {
		return nil, err
	}
	f.reader, err = seal.NewReaderAt(seal.PrivateBytes(f.sealed), int64(len(f.sealed)), f.handle, f.ad, seal.WithWorkers(1))
	return f, err
}

// sealMemory decrypts a sealed file that lies in memory with one worker, beside AES-256-GCM over the same number of bytes
// in pieces of the same size.
func sealMemory(segment int, label string) (ratio.Case, error) {
	f, err := newSealedFile(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	yardstick, err := rawOpen(f.plain, segment)
	if err != nil {
		return ratio.Case{}, err
	}
	dst := make([]byte, sealedBytes)
	ctx := context.Background()
	if err := f.reader.ReadAllInto(ctx, dst, func(int64) {}); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(dst, f.plain) {
		return ratio.Case{}, fmt.Errorf("%s: decrypted bytes differ", label)
	}
	return ratio.Case{
		Name: "seal/decrypt/memory/" + label, Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   func() error { return f.reader.ReadAllInto(ctx, dst, func(int64) {}) },
		Yardstick: yardstick,
	}, nil
}

// sealWorkers decrypts with two workers, beside one.
func sealWorkers() (ratio.Case, error) {
	f, err := newSealedFile(1 << 20)
	if err != nil {
		return ratio.Case{}, err
	}
	two, err := seal.NewReaderAt(seal.PrivateBytes(f.sealed), int64(len(f.sealed)), f.handle, f.ad, seal.WithWorkers(2))
	if err != nil {
		return ratio.Case{}, err
	}
	ctx, dst := context.Background(), make([]byte, sealedBytes)
	if err := two.ReadAllInto(ctx, dst, nil); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(dst, f.plain) {
		return ratio.Case{}, errors.New("seal/decrypt/workers2: decrypted bytes differ")
	}
	return ratio.Case{
		Name: "seal/decrypt/workers2", Better: ratio.Higher, Wall: true, Bytes: sealedBytes,
		Subject:   func() error { return two.ReadAllInto(ctx, dst, nil) },
		Yardstick: func() error { return f.reader.ReadAllInto(ctx, dst, nil) },
	}, nil
}

// sealEncrypt seals in memory with one worker, beside bare AES-256-GCM over the same bytes.
func sealEncrypt(segment int, label string) (ratio.Case, error) {
	f, err := newSealedFile(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx, dst, back := context.Background(), make(seal.PrivateBytes, len(f.sealed)), make([]byte, sealedBytes)
	encrypt := func() error {
		_, err := seal.EncryptFrom(ctx, dst, seal.PrivateBytes(f.plain), sealedBytes, f.handle, f.ad, seal.WithWorkers(1))
		return err
	}
	if err := encrypt(); err != nil {
		return ratio.Case{}, err
	}
	if err := seal.DecryptTo(ctx, back, dst, int64(len(dst)), f.handle, f.ad); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(back, f.plain) {
		return ratio.Case{}, fmt.Errorf("%s: other bytes come back", label)
	}
	aead, err := rawAEAD()
	if err != nil {
		return ratio.Case{}, err
	}
	out := make([]byte, 0, len(f.sealed)+aead.Overhead())
	return ratio.Case{
		Name: "seal/encrypt/memory/" + label, Better: ratio.Higher, Bytes: sealedBytes,
		Subject: encrypt,
		Yardstick: func() error {
			var n [12]byte
			out = out[:0]
			for i, rest := 0, f.plain; len(rest) > 0; i++ {
				binary.BigEndian.PutUint64(n[4:], uint64(i))
				k := min(segment, len(rest))
				out = aead.Seal(out, n[:], rest[:k], nil)
				rest = rest[k:]
			}
			return nil
		},
	}, nil
}

func rawAEAD() (cipher.AEAD, error) {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// rawOpen returns work that opens plain from pieces of segment bytes, nonces and all, with the standard library alone.
func rawOpen(plain []byte, segment int) (func() error, error) {
	aead, err := rawAEAD()
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

func sealTo(h *keyset.Handle, ad, plain []byte) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := seal.NewWriter(&sealed, h, ad)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Commit()
	return sealed.Bytes(), err
}
