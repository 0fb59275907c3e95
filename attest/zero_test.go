package attest_test

import (
	"crypto"
	"crypto/rand"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// Zero values refuse, and panic nowhere.
func TestZeroValues(t *testing.T) {
	d := newWorld(t).device
	for name, f := range map[string]func() error{
		"sign": func() error {
			_, err := new(attest.Identity).Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
			return err
		},
		"new chain": func() error {
			_, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: d, Identity: &attest.Identity{}, Claims: claims()})
			return err
		},
		"renew":           func() error { return new(attest.Chain).Renew(t.Context()) },
		"fresh":           func() error { _, err := new(attest.Chain).Fresh(t.Context(), [32]byte{1}); return err },
		"next":            func() error { return new(attest.Chain).Next(claims()) },
		"next of nothing": func() error { return new(attest.Chain).Next(attest.Claims{}) },
		"verify": func() error {
			_, err := attest.VerifyChain(t.Context(), new(attest.Chain).Document(), nil, attest.Policy{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("panic: %v", p)
				}
			}()
			if err := f(); err == nil {
				t.Error("accepted")
			}
		})
	}
}
