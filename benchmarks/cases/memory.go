package cases

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/crypto/memory"
)

// memoryRing takes a buffer of 256 KiB from the staging ring, fills it and gives it back, beside filling and clearing one buffer
// that is always at hand, which is the least that a buffer without traces costs.
func memoryRing() (ratio.Case, error) {
	src, plain := make([]byte, 256<<10), make([]byte, 256<<10)
	rand.Read(src)
	r, err := memory.NewRing(4, len(src), memory.Options{Huge: memory.Try})
	if err != nil {
		return ratio.Case{}, err
	}
	ctx := context.Background()
	through := func() error {
		b, err := r.Get(ctx)
		if err != nil {
			return err
		}
		copy(b, src)
		return r.Put(b)
	}
	b, err := r.Get(ctx)
	if err != nil {
		return ratio.Case{}, err
	}
	if copy(b, src); !bytes.Equal(b, src) {
		return ratio.Case{}, errors.New("memory/ring: bytes differ")
	}
	if err := r.Put(b); err != nil {
		return ratio.Case{}, err
	}
	return ratio.Case{
		Name: "memory/ring/256KiB", Better: ratio.Lower, Bytes: int64(len(src)),
		Subject: through,
		Yardstick: func() error {
			copy(plain, src)
			clear(plain)
			return nil
		},
	}, nil
}

// Where a model of 64 MiB may be put, each on memory that is fresh, as it is when a model is loaded. The yardstick is pages
// of ordinary size.
const fresh = 64 << 20

func memoryRegion(name string, o memory.Options) (ratio.Case, error) {
	return memoryFresh("memory/fill/"+name, func(fill func([]byte) error) error {
		r, err := memory.NewRegion(fresh, o)
		if err != nil {
			return err
		}
		return errors.Join(fill(r.Bytes()), r.Close())
	})
}

func memoryFile() (ratio.Case, error) {
	return memoryFresh("memory/fill/memfd", func(fill func([]byte) error) error {
		f, err := memory.NewFile("model", fresh, fill)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func memoryFresh(name string, put func(fill func([]byte) error) error) (ratio.Case, error) {
	src := make([]byte, 1<<20)
	rand.Read(src)
	fill := func(dst []byte) error {
		if len(dst) != fresh {
			return fmt.Errorf("%s: %d bytes", name, len(dst))
		}
		for len(dst) > 0 {
			dst = dst[copy(dst, src):]
		}
		return nil
	}
	if err := put(fill); err != nil {
		return ratio.Case{}, err
	}
	return ratio.Case{
		Name: name, Better: ratio.Higher, Bytes: fresh,
		Subject: func() error { return put(fill) },
		Yardstick: func() error {
			r, err := memory.NewRegion(fresh, memory.Options{})
			if err != nil {
				return err
			}
			return errors.Join(fill(r.Bytes()), r.Close())
		},
	}, nil
}
