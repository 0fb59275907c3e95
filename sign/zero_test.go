package sign_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestZeroValues: what was not made refuses, says that nothing was verified, and does not end the process.
func TestZeroValues(t *testing.T) {
	var m sign.Model
	if _, complete := m.Loaded(); complete {
		t.Error("a model that was not opened is loaded")
	}
	if err := m.VerifyAll(t.Context(), nil); err == nil {
		t.Error("a model that was not opened is verified")
	}
	if err := m.Verify(t.Context(), nil); err == nil {
		t.Error("no file of a model that was not opened is verified")
	}
	if _, err := m.Extra(t.Context()); err == nil {
		t.Error("a model that was not opened has nothing else in it")
	}
	if m.Files() != nil || m.Subject() != "" {
		t.Error("files of a model that was not opened")
	}
	if _, err := m.ReadFile("a"); !errors.Is(err, sign.ErrNotSigned) {
		t.Error(err)
	}
	if _, err := sign.SignDenyList(nil, newList(1)); err == nil {
		t.Error("a list signed with no key")
	}
	if _, err := sign.SignDenyList(signtest.Key(t), nil); !errors.Is(err, sign.ErrFormat) {
		t.Error(err)
	}
	half := &ecdsa.PublicKey{Curve: elliptic.P256()}
	if _, err := sign.Open(t.Context(), sample(), sign.Policy{Keys: []crypto.PublicKey{half}, InsecureAnyModel: true}); !errors.Is(err, sign.ErrPolicy) {
		t.Error(err)
	}
}
