package sign

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A Policy says which models are accepted. The zero value refuses every model. Every field that is set is enforced;
// at least one key is needed, and at least one of Name, ModelIDs and InsecureAnyModel: any other model of the same signer
// would do otherwise.
type Policy struct {
	// Keys are the trusted signers, ECDSA on P-256, P-384 or P-521; one of them must have signed.
	Keys []crypto.PublicKey
	// Name is the name that the model's signed holdfast.json must give. Empty: any.
	Name string
	// MinVersion is the lowest version accepted, against rollback. A model without holdfast.json has no version and is
	// refused where MinVersion is not 0.
	MinVersion uint64
	// ModelIDs pins exact models, any of which is accepted ([manifest.ModelID]). Empty: any.
	ModelIDs [][32]byte
	// InsecureAnyModel accepts any model that a trusted key signed, when neither Name nor ModelIDs is set.
	InsecureAnyModel bool
}

// Digest is a digest of the effective policy for the configuration digest of docs/SPEC.md section 5: a hash over
// T("holdfast/sign-policy/v1", keys, name or absent, minimum version, model ids, any-model flag), lists sorted and without
// duplicates. A key that cannot be encoded enters as absent; [Open] refuses such a policy.
func (p Policy) Digest() [32]byte {
	keys := make([][]byte, len(p.Keys))
	for i, k := range p.Keys {
		if f, err := bundle.Fingerprint(k); err == nil {
			keys[i] = f[:]
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	t := transcript.New("holdfast/sign-policy/v1").Uint64(uint64(len(keys)))
	for _, k := range keys {
		t.Optional(k)
	}
	if p.Name == "" {
		t.Absent()
	} else {
		t.String(p.Name)
	}
	ids := slices.Clone(p.ModelIDs)
	slices.SortFunc(ids, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	t.Uint64(p.MinVersion).Uint64(uint64(len(ids)))
	for _, id := range ids {
		t.Bytes(id[:])
	}
	if p.InsecureAnyModel {
		return t.Uint64(1).SHA256()
	}
	return t.Uint64(0).SHA256()
}

// validate refuses policies that could not have been meant.
func (p Policy) validate() error {
	if len(p.Keys) == 0 {
		return &PolicyError{"Keys", "at least one trusted key", "none", ErrPolicy}
	}
	for i, k := range p.Keys {
		if err := bundle.CheckKey(k); err != nil {
			return fmt.Errorf("%w: %w", &PolicyError{fmt.Sprintf("Keys[%d]", i), "an ECDSA key", fmt.Sprintf("%T", k), ErrPolicy}, err)
		}
	}
	if p.Name == "" && len(p.ModelIDs) == 0 && !p.InsecureAnyModel {
		return &PolicyError{"Name", "Name, ModelIDs or InsecureAnyModel", "none", ErrPolicy}
	}
	return nil
}

// verify returns the trusted key that signed b.
func (p Policy) verify(b *bundle.Bundle) (crypto.PublicKey, error) {
	for _, k := range p.Keys {
		if b.Verify(k) == nil {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w (%d keys tried)", ErrSignature, len(p.Keys))
}

// checkID holds the model's identity against the pinned ones.
func (p Policy) checkID(m *manifest.Manifest) error {
	id := m.ModelID()
	if len(p.ModelIDs) > 0 && !slices.Contains(p.ModelIDs, id) {
		return &PolicyError{"ModelIDs", "a pinned model", hex.EncodeToString(id[:]), ErrPolicy}
	}
	return nil
}

// checkCard holds holdfast.json against name and version; c is nil where the model has none.
func (p Policy) checkCard(c *card) error {
	if c == nil {
		c = new(card)
	}
	if p.Name != "" && c.Name != p.Name {
		return &PolicyError{"Name", strconv.Quote(p.Name), strconv.Quote(c.Name), ErrPolicy}
	}
	if p.MinVersion > 0 && c.version() < p.MinVersion {
		return &PolicyError{"MinVersion", strconv.FormatUint(p.MinVersion, 10), strconv.FormatUint(c.version(), 10), ErrVersion}
	}
	return nil
}
