package sign_test

import (
	"crypto"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A hookFS calls opened for each file that is opened.
type hookFS struct {
	fstest.MapFS
	opened func(name string)
}

func (h hookFS) Open(name string) (fs.File, error) { h.opened(name); return h.MapFS.Open(name) }

// TestDeniedWhileVerifying: a pass over a large model takes minutes, and a model that is denied meanwhile is not a good one at its end.
func TestDeniedWhileVerifying(t *testing.T) {
	src, key, authority := sample(), signtest.Key(t), signtest.Key(t)
	src[".holdfast/model.sig"] = &fstest.MapFile{Data: bundleOf(t, src, key), Mode: 0o644}
	p := anyModel(key)
	p.DenyListKeys = []crypto.PublicKey{authority.Public()}
	fp := fingerprint(t, key.Public())
	bad := newList(5)
	bad.Keys = []sign.DeniedKey{{Fingerprint: hexOf(fp[:])}}
	list := denyList(t, authority, bad)
	deny := func(string) {}
	m, err := sign.Open(t.Context(), hookFS{src, func(name string) { deny(name) }}, p, atWhen(), sign.WithDenyList(denyList(t, authority, newList(3))), sign.WithWorkers(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.VerifyAll(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	deny = func(name string) {
		if err := m.UpdateDenyList(list); name == "model.safetensors" && !errors.Is(err, sign.ErrDenied) {
			t.Error(err)
		}
	}
	if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrDenied) {
		t.Errorf("denied meanwhile: %v", err)
	}
}
