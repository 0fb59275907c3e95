package cases

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// Peers lists comparisons with other software on the same bytes. They are reported and gate nothing.
func Peers() []Constructor {
	return []Constructor{
		{"peers/tink-go/decrypt/64KiB", func() (ratio.Case, error) { return tinkDecrypt(64<<10, "64KiB") }},
		{"peers/tink-go/decrypt/1MiB", func() (ratio.Case, error) { return tinkDecrypt(1<<20, "1MiB") }},
	}
}

// tinkDecrypt reads what package seal wrote with tink-go's own streaming reader.
func tinkDecrypt(segment int, label string) (ratio.Case, error) {
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
	tink, err := streamingaead.New(h)
	if err != nil {
		return ratio.Case{}, err
	}
	dst, theirs, ctx := make([]byte, sealedBytes), make([]byte, sealedBytes), context.Background()
	decrypt := func() error {
		d, err := tink.NewDecryptingReader(bytes.NewReader(sealed), ad)
		if err != nil {
			return err
		}
		_, err = io.ReadFull(d, theirs)
		return err
	}
	if err := decrypt(); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(theirs, plain) {
		return ratio.Case{}, fmt.Errorf("tink-go reads other bytes (%s)", label)
	}
	return ratio.Case{
		Name: "peers/tink-go/decrypt/" + label, Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   func() error { return r.ReadAllInto(ctx, dst, func(int64) {}) },
		Yardstick: decrypt,
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
