package cases

import (
	"bytes"
	"context"
	"crypto/rand"
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

// sealMemory decrypts a sealed file that lies in memory with one worker, beside bare AES-256-GCM over the same segments.
func sealMemory(segment int, label string) (ratio.Case, error) {
	f, err := newSealedFile(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	b, err := f.bare(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	dst, ctx := make([]byte, sealedBytes), context.Background()
	c := ratio.Case{
		Name: "seal/decrypt/memory/" + label, Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   func() error { return f.reader.ReadAllInto(ctx, dst, func(int64) {}) },
		Yardstick: func() error { return b.open(dst, f.sealed) },
	}
	return c, f.opens(dst, c.Subject, c.Yardstick)
}

// opens checks that each of the works writes the plaintext to dst.
func (f *sealedFile) opens(dst []byte, works ...func() error) error {
	for i, work := range works {
		clear(dst)
		if err := work(); err != nil {
			return err
		}
		if !bytes.Equal(dst, f.plain) {
			return fmt.Errorf("work %d: other bytes than the plaintext", i)
		}
	}
	return nil
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
	c := ratio.Case{
		Name: "seal/decrypt/workers2", Better: ratio.Higher, Wall: true, Bytes: sealedBytes,
		Subject:   func() error { return two.ReadAllInto(ctx, dst, nil) },
		Yardstick: func() error { return f.reader.ReadAllInto(ctx, dst, nil) },
	}
	return c, f.opens(dst, c.Subject, c.Yardstick)
}

// sealEncrypt seals in memory with one worker, beside bare AES-256-GCM over the same segments.
func sealEncrypt(segment int, label string) (ratio.Case, error) {
	f, err := newSealedFile(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	b, err := f.bare(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx, dst, back := context.Background(), make(seal.PrivateBytes, len(f.sealed)), make([]byte, sealedBytes)
	copy(dst, f.sealed[:headerSize])
	if b.seal(dst, f.plain); !bytes.Equal(dst, f.sealed) {
		return ratio.Case{}, fmt.Errorf("%s: bare AES-256-GCM makes other bytes", label)
	}
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
	return ratio.Case{
		Name: "seal/encrypt/memory/" + label, Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   encrypt,
		Yardstick: func() error { b.seal(dst, f.plain); return nil },
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
