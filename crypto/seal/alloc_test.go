package seal_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

type nullSink struct{}

func (nullSink) Provisional(int64, []byte) error { return nil }
func (nullSink) Commit() error                   { return nil }
func (nullSink) Abort()                          {}

// No path allocates for a segment: what a call allocates is the same for 400 segments as for 1600.
func TestNoAllocationsForSegments(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	h := newKeyset(t, 4096)
	paths := func(segments int) map[string]func() error {
		pt := pattern("p", segments*4080-40)
		ct := sealBytes(t, h, nil, pt)
		r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil, seal.WithWorkers(1))
		if err != nil {
			t.Fatal(err)
		}
		dst, sealed := make([]byte, len(pt)), make(seal.PrivateBytes, len(ct))
		one := seal.WithWorkers(1)
		return map[string]func() error{
			"ReadAllInto":       func() error { return r.ReadAllInto(t.Context(), dst, nil) },
			"CopyTo":            func() error { _, err := r.CopyTo(t.Context(), io.Discard); return err },
			"ProvisionalStream": func() error { return r.ProvisionalStream(t.Context(), nullSink{}) },
			"ProvisionalReader": func() error {
				p, err := seal.NewProvisionalReader(bytes.NewReader(ct), h, nil)
				if err != nil {
					return err
				}
				_, err = io.ReadFull(p, dst)
				return err
			},
			"EncryptFrom": func() error {
				_, err := seal.EncryptFrom(t.Context(), sealed, bytes.NewReader(pt), int64(len(pt)), h, nil, one)
				return err
			},
			"Writer": func() error {
				w, err := seal.NewWriter(io.Discard, h, nil)
				if err != nil {
					return err
				}
				defer w.Close()
				if _, err := w.Write(pt); err != nil {
					return err
				}
				return w.Commit()
			},
		}
	}
	few, many := paths(400), paths(1600)
	for name := range few {
		count := func(f func() error) float64 {
			return testing.AllocsPerRun(10, func() {
				if err := f(); err != nil {
					t.Fatal(err)
				}
			})
		}
		if a, b := count(few[name]), count(many[name]); b > a+1 { // a collection may take a buffer out of the pool
			t.Errorf("%s: %v allocations for 400 segments, %v for 1600", name, a, b)
		}
	}
}
