package tdx

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/tsm/tsmtest"
)

func TestDevice(t *testing.T) {
	f := newFake(t)
	answer := func(in []byte) []byte {
		copy(f.body[520:], in)
		return append(f.quote(t), make([]byte, 3000)...) // as the buffers of hosts are
	}
	for name, c := range map[string]struct {
		edit func(*tsmtest.FS)
		want error
	}{
		"accepted":       {func(*tsmtest.FS) {}, nil},
		"another TEE":    {func(f *tsmtest.FS) { f.Provider = "sev_guest" }, attest.ErrUnavailable},
		"interference":   {func(f *tsmtest.FS) { f.Racing = true }, attest.ErrUnavailable},
		"stale answer":   {func(f *tsmtest.FS) { f.Answer = func([]byte) []byte { return answer([]byte("older")) } }, attest.ErrFormat},
		"half a quote":   {func(f *tsmtest.FS) { f.Answer = func(in []byte) []byte { return answer(in)[:900] } }, attest.ErrFormat},
		"broken":         {func(f *tsmtest.FS) { f.Fails = "outblob" }, attest.ErrUnavailable},
		"no device here": {func(f *tsmtest.FS) { f.Dirs = nil }, attest.ErrUnavailable},
	} {
		tree := &tsmtest.FS{Dirs: map[string]map[string][]byte{}, Provider: "tdx_guest", Answer: answer}
		c.edit(tree)
		ev, err := (&Device{Dir: "/tsm", fs: tree}).Evidence(t.Context(), [64]byte{5})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || len(tree.Dirs) != 0 {
			t.Errorf("%s: %v, %d directories left", name, err, len(tree.Dirs))
		}
		if err != nil {
			continue
		}
		wire, err := attest.MarshalEvidence(ev)
		if err != nil || ev.Kind != attest.KindTDX || ev.Report[len(ev.Report)-1] != 0 || ev.Report[len(ev.Report)-2] != '\n' {
			t.Errorf("%s: evidence of kind %q: %v", name, ev.Kind, err)
		}
		root := f.rootPin()
		ev.Kind = attest.KindSimulated
		if _, err := (&Verifier{Policy: anyMachine, InsecureRoot: &root}).Verify(t.Context(), ev, [64]byte{5}); err != nil || len(wire) > 10_000 {
			t.Errorf("%s: %v, %d bytes", name, err, len(wire))
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(Device).Evidence(canceled, [64]byte{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context's end: %v", err)
	}
	if _, err := (&Device{Dir: t.TempDir() + "/absent"}).Evidence(t.Context(), [64]byte{}); !errors.Is(err, attest.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
