package cases

import (
	"bytes"
	"context"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// tinkOpen reads a sealed file to its end with tink-go's own reader.
func tinkOpen(a tink.StreamingAEAD, src io.Reader, ad, dst []byte) error {
	r, err := a.NewDecryptingReader(src, ad)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(r, dst)
	return err
}

// sealTinkMemory decrypts in memory with one worker, beside tink-go's streaming reader over the same bytes. Both open with
// the AES-GCM of the standard library; the bound is what tink-go's copies cost beside it, which differs with the processor.
func sealTinkMemory(segment int, label string) (ratio.Case, error) {
	f, err := newSealedFile(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	return f.besideTink("seal/decrypt/tink/memory/"+label, f.reader, func() io.Reader { return bytes.NewReader(f.sealed) })
}

// sealTinkCores is the same by wall time with as many workers as there are cores, which is the default. tink-go has one.
func sealTinkCores() (ratio.Case, error) {
	f, err := newSealedFile(1 << 20)
	if err != nil {
		return ratio.Case{}, err
	}
	r, err := seal.NewReaderAt(seal.PrivateBytes(f.sealed), int64(len(f.sealed)), f.handle, f.ad)
	if err != nil {
		return ratio.Case{}, err
	}
	c, err := f.besideTink("seal/decrypt/tink/memory/cores", r, func() io.Reader { return bytes.NewReader(f.sealed) })
	c.Wall = true
	return c, err
}

// sealTinkFile is the same with a file in the page cache.
func sealTinkFile(segment int, label string) (ratio.Case, error) {
	f, err := newSealedFile(segment)
	if err != nil {
		return ratio.Case{}, err
	}
	file, err := unlinked(f.sealed)
	if err != nil {
		return ratio.Case{}, err
	}
	r, err := seal.NewReaderAt(file, int64(len(f.sealed)), f.handle, f.ad, seal.WithWorkers(1))
	if err != nil {
		return ratio.Case{}, err
	}
	return f.besideTink("seal/decrypt/tink/file/"+label, r, func() io.Reader { return io.NewSectionReader(file, 0, int64(len(f.sealed))) })
}

func (f *sealedFile) besideTink(name string, r *seal.ReaderAt, src func() io.Reader) (ratio.Case, error) {
	a, err := streamingaead.New(f.handle)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx, dst := context.Background(), make([]byte, sealedBytes)
	c := ratio.Case{
		Name: name, Better: ratio.Higher, Bytes: sealedBytes,
		Subject:   func() error { return r.ReadAllInto(ctx, dst, nil) },
		Yardstick: func() error { return tinkOpen(a, src(), f.ad, dst) },
	}
	return c, f.opens(dst, c.Subject, c.Yardstick)
}
