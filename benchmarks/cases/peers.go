package cases

import (
	"bytes"
	"context"
	"errors"
	"io"

	"filippo.io/age"
	"github.com/tink-crypto/tink-go/v2/streamingaead"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/crypto/memory"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// Peers lists what is reported and gates nothing: other software on the same bytes, and what the machine's kernel decides.
func Peers() []Constructor {
	return []Constructor{
		{"memory/fill/huge", func() (ratio.Case, error) { return memoryRegion("huge", memory.Options{Huge: memory.Try}) }},
		{"memory/fill/memfd", memoryFile},
		{"peers/age/decrypt", ageDecrypt},
		{"peers/age/encrypt", ageEncrypt},
		{"peers/tink-go/encrypt/1MiB", tinkEncrypt},
		{"peers/model-signing/verify", modelSigningVerify},
		{"sign/verify/files/512MiB", func() (ratio.Case, error) { return signVerify("sign/verify/files/512MiB", 2, 4, 512<<20, 0) }},
	}
}

// ageBox encrypts with age, which has one format: ChaCha20-Poly1305 in pieces of 64 KiB.
func ageBox(to age.Recipient, plain []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(plain) + len(plain)/1000)
	w, err := age.Encrypt(&b, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// ageDecrypt sets our reader of 64 KiB segments beside age, both in memory on one core.
func ageDecrypt() (ratio.Case, error) {
	f, err := newSealedFile(64 << 10)
	if err != nil {
		return ratio.Case{}, err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return ratio.Case{}, err
	}
	box, err := ageBox(id.Recipient(), f.plain)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx, dst, theirs := context.Background(), make([]byte, sealedBytes), make([]byte, sealedBytes)
	open := func() error {
		r, err := age.Decrypt(bytes.NewReader(box), id)
		if err != nil {
			return err
		}
		_, err = io.ReadFull(r, theirs)
		return err
	}
	if err := open(); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(theirs, f.plain) {
		return ratio.Case{}, errors.New("age reads other bytes")
	}
	return ratio.Case{
		Name: "peers/age/decrypt", Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   func() error { return f.reader.ReadAllInto(ctx, dst, nil) },
		Yardstick: open,
	}, nil
}

func ageEncrypt() (ratio.Case, error) {
	c, err := sealEncrypt(64<<10, "64KiB")
	if err != nil {
		return ratio.Case{}, err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return ratio.Case{}, err
	}
	plain := make([]byte, sealedBytes)
	c.Name, c.Yardstick = "peers/age/encrypt", func() error {
		_, err := ageBox(id.Recipient(), plain)
		return err
	}
	return c, nil
}

func tinkEncrypt() (ratio.Case, error) {
	c, err := sealEncrypt(1<<20, "1MiB")
	if err != nil {
		return ratio.Case{}, err
	}
	h, err := seal.NewKeyset(1 << 20)
	if err != nil {
		return ratio.Case{}, err
	}
	a, err := streamingaead.New(h)
	if err != nil {
		return ratio.Case{}, err
	}
	plain := make([]byte, sealedBytes)
	var b bytes.Buffer
	c.Name, c.Yardstick = "peers/tink-go/encrypt/1MiB", func() error {
		b.Reset()
		w, err := a.NewEncryptingWriter(&b, nil)
		if err != nil {
			return err
		}
		if _, err := w.Write(plain); err != nil {
			return err
		}
		return w.Close()
	}
	return c, nil
}
