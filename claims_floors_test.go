package holdfast_test

import (
	"context"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// local is a key source that no key server stands behind.
type local struct{ h *keyset.Handle }

func (l local) Keyset(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) {
	return l.h, nil
}

// Who has no key server claims no floors: relying parties would take zeros for the word of an authority.
func TestNoFloorsWithoutAKeyServer(t *testing.T) {
	key := signtest.Key(t)
	src := publish(t, key, contents(7))
	sealed, h := sealDir(t, src, modelName, 7)
	for name, k := range map[string]seal.KeySource{"plain": nil, "local key": local{h}, "server that has not answered": held{h, nil}} {
		device, policy := simulated(t)
		cfg := config(key, sealed)
		if cfg.Key = k; k == nil {
			cfg.Source = src
		}
		cfg.Platform = device
		chain, _ := serve(t, cfg, newAnswer())
		st, err := attest.VerifyChain(t.Context(), chain.Epochs().Document(), nil, policy)
		if err != nil || st.Claims.Floors != nil {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
	}
}
