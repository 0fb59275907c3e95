package sign

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A Policy says which models are accepted. The zero value refuses every model. Every field that is set is enforced;
// at least one key or root is needed, and at least one of Name, ModelIDs and InsecureAnyModel: any other model of the same signer
// would do otherwise.
type Policy struct {
	// Keys are the trusted signers, ECDSA on P-256, P-384 or P-521; one of them must have signed.
	Keys []crypto.PublicKey
	// Roots are trusted certificate authorities: a certificate that leads to one of them, is valid now ([WithClock]) and
	// is issued to one of Identities may have signed instead of a key.
	Roots []*x509.Certificate
	// Identities are the accepted subjects of such certificates, compared exactly with the e-mail addresses, URIs and DNS
	// names of the leaf, and with its common name as "CN=…".
	Identities []string
	// InsecureAnyIdentity accepts every certificate that leads to one of Roots.
	InsecureAnyIdentity bool
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
// T("holdfast/sign-policy/v1", keys, roots, identities, any-identity flag, name or absent, minimum version, model ids,
// any-model flag), lists sorted and without duplicates. A key that cannot be encoded enters as absent; [Open] refuses such a policy.
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
	roots := make([][]byte, len(p.Roots))
	for i, c := range p.Roots {
		if c != nil {
			roots[i] = c.Raw
		}
	}
	slices.SortFunc(roots, bytes.Compare)
	roots = slices.CompactFunc(roots, bytes.Equal)
	t.Uint64(uint64(len(roots)))
	for _, r := range roots {
		t.Optional(r)
	}
	names := slices.Compact(slices.Sorted(slices.Values(p.Identities)))
	t.Uint64(uint64(len(names)))
	for _, n := range names {
		t.String(n)
	}
	t.Uint64(flag(p.InsecureAnyIdentity))
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
	return t.Uint64(flag(p.InsecureAnyModel)).SHA256()
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// validate refuses policies that could not have been meant.
func (p Policy) validate() error {
	if len(p.Keys) == 0 && len(p.Roots) == 0 {
		return &PolicyError{"Keys", "at least one trusted key or root", "none", ErrPolicy}
	}
	if slices.Contains(p.Roots, nil) {
		return &PolicyError{"Roots", "certificates", "nil", ErrPolicy}
	}
	if len(p.Roots) > 0 && len(p.Identities) == 0 && !p.InsecureAnyIdentity {
		return &PolicyError{"Identities", "Identities or InsecureAnyIdentity", "none", ErrPolicy}
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

// verify returns the trusted key that signed b: one of Keys, or that of a certificate under Roots.
func (p Policy) verify(b *bundle.Bundle, now time.Time) (crypto.PublicKey, error) {
	if len(b.Chain) > 0 {
		return p.verifyChain(b, now)
	}
	for _, k := range p.Keys {
		if b.Verify(k) == nil {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w (%d keys tried)", ErrSignature, len(p.Keys))
}

func (p Policy) verifyChain(b *bundle.Bundle, now time.Time) (crypto.PublicKey, error) {
	leaf, err := b.VerifyChain(p.Roots, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if p.InsecureAnyIdentity {
		return leaf.PublicKey, nil
	}
	for _, name := range identities(leaf) {
		if slices.Contains(p.Identities, name) {
			return leaf.PublicKey, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrSignature,
		&PolicyError{"Identities", "an accepted identity", strings.Join(identities(leaf), ", "), ErrPolicy})
}

// identities lists whom a certificate was issued to, as [Policy].Identities names them.
func identities(c *x509.Certificate) []string {
	out := slices.Concat(c.EmailAddresses, c.DNSNames)
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	out = slices.DeleteFunc(out, func(s string) bool { return strings.HasPrefix(s, "CN=") }) // not the common name
	if c.Subject.CommonName != "" {
		out = append(out, "CN="+c.Subject.CommonName)
	}
	return out
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
