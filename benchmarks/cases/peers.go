package cases

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
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
	f, err := newSealedFile(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	tink, err := streamingaead.New(f.handle)
	if err != nil {
		return ratio.Case{}, err
	}
	dst, theirs, ctx := make([]byte, sealedBytes), make([]byte, sealedBytes), context.Background()
	decrypt := func() error {
		d, err := tink.NewDecryptingReader(bytes.NewReader(f.sealed), f.ad)
		if err != nil {
			return err
		}
		_, err = io.ReadFull(d, theirs)
		return err
	}
	if err := decrypt(); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(theirs, f.plain) {
		return ratio.Case{}, fmt.Errorf("tink-go reads other bytes (%s)", label)
	}
	return ratio.Case{
		Name: "peers/tink-go/decrypt/" + label, Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   func() error { return f.reader.ReadAllInto(ctx, dst, func(int64) {}) },
		Yardstick: decrypt,
	}, nil
}
