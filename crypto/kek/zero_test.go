package kek

import (
	"errors"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

func TestZeroKEK(t *testing.T) {
	h, err := NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := new(KEK).Wrap(t.Context(), h, seal.Info{}); !errors.Is(err, ErrParameters) {
		t.Error(err)
	}
	if _, err := new(KEK).Unwrap(t.Context(), seal.Wrapped{Blob: []byte(`{"encryptedKeyset":"AAAA"}`)}, seal.Info{}); !errors.Is(err, ErrParameters) {
		t.Error(err)
	}
}
