package kek

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A KEK is a key encryption key with an id, which names the file of what it wraps. Make it with [ReadKeyFile],
// [FromPassphrase] or [FromAEAD]. It is safe for concurrent use where its AEAD is. It implements [seal.Wrapper].
type KEK struct {
	id   string
	aead tink.AEADWithContext
}

var _ seal.Wrapper = (*KEK)(nil)

var errNoKey = fmt.Errorf("%w: no key encryption key", ErrParameters)

// NewKeyset makes a keyset for sealing one version of a model: one new AES256_GCM_HKDF_1MB key.
func NewKeyset() (*keyset.Handle, error) { return seal.NewKeyset(seal.DefaultSegment) }

// FromAEAD makes a KEK of a [tink.AEAD] or [tink.AEADWithContext], for example that of a KMS. The id is 1 to 64 of a-z,
// 0-9, "-", "_" and ".", and does not start with "-" or ".". Errors: [ErrParameters].
func FromAEAD(id string, aead any) (*KEK, error) {
	if !validID(id) {
		return nil, fmt.Errorf("%w: id %q", ErrParameters, id)
	}
	switch a := aead.(type) {
	case tink.AEADWithContext:
		return &KEK{id, a}, nil
	case tink.AEAD:
		return &KEK{id, withContext{a}}, nil
	default:
		return nil, fmt.Errorf("%w: %T is no AEAD", ErrParameters, aead)
	}
}

func validID(id string) bool {
	if id == "" || len(id) > 64 || id[0] == '.' || id[0] == '-' {
		return false
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// withContext is a tink.AEAD that does not wait for anything.
type withContext struct{ tink.AEAD }

func (a withContext) EncryptWithContext(_ context.Context, pt, ad []byte) ([]byte, error) {
	return a.Encrypt(pt, ad)
}

func (a withContext) DecryptWithContext(_ context.Context, ct, ad []byte) ([]byte, error) {
	return a.Decrypt(ct, ad)
}

// recorder keeps the error of an AEAD, because Tink's keyset functions pass on its text alone.
type recorder struct {
	aead tink.AEADWithContext
	err  error
}

func (r *recorder) EncryptWithContext(ctx context.Context, pt, ad []byte) (ct []byte, err error) {
	ct, r.err = r.aead.EncryptWithContext(ctx, pt, ad)
	return ct, r.err
}

func (r *recorder) DecryptWithContext(ctx context.Context, ct, ad []byte) (pt []byte, err error) {
	pt, r.err = r.aead.DecryptWithContext(ctx, ct, ad)
	return pt, r.err
}

// ID is the id of what k wraps.
func (k *KEK) ID() string { return k.id }

// Wrap encrypts the keyset of the sealed directory that info names. It does not check that h is that keyset: [seal.Dir]
// passes the right one, and [Rewrap] gets it from an opened one. Errors: [ErrParameters] for a zero KEK, and those of the AEAD.
func (k *KEK) Wrap(ctx context.Context, h *keyset.Handle, info seal.Info) (seal.Wrapped, error) {
	if k.aead == nil {
		return seal.Wrapped{}, errNoKey
	}
	var b bytes.Buffer
	rec := recorder{aead: k.aead}
	if err := h.WriteWithContext(ctx, keyset.NewJSONWriter(&b), &rec, info.KeysetAD()); err != nil {
		if rec.err != nil {
			err = rec.err
		}
		return seal.Wrapped{}, fmt.Errorf("kek: wrap with %s: %w", k.id, err)
	}
	return seal.Wrapped{ID: k.id, Blob: b.Bytes()}, nil
}

// Unwrap opens a wrapped keyset of the sealed directory that info names, and compares it with the commitment.
// Errors: [ErrFormat], [ErrUnwrap], [ErrUnavailable], [ErrParameters] for a zero KEK, [seal.ErrCommitment], [seal.ErrKeyset],
// [seal.ErrUnsupported].
func (k *KEK) Unwrap(ctx context.Context, w seal.Wrapped, info seal.Info) (*keyset.Handle, error) {
	return k.unwrap(ctx, w, info, info.KeysetAD())
}

func (k *KEK) unwrap(ctx context.Context, w seal.Wrapped, info seal.Info, ad []byte) (*keyset.Handle, error) {
	if k.aead == nil {
		return nil, errNoKey
	}
	if err := checkJSON(w.Blob); err != nil {
		return nil, fmt.Errorf("%w: wrapped keyset %s: %w", ErrFormat, w.ID, err)
	}
	rec := recorder{aead: k.aead}
	h, err := keyset.ReadWithContext(ctx, keyset.NewJSONReader(bytes.NewReader(w.Blob)), &rec, ad)
	switch {
	case rec.err != nil && unavailable(rec.err):
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, w.ID, rec.err)
	case rec.err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrUnwrap, w.ID, rec.err)
	case err != nil: // not quoted: past the AEAD it could be about key bytes
		return nil, fmt.Errorf("%w: wrapped keyset %s", ErrFormat, w.ID)
	}
	c, err := seal.Commitment(h)
	if err != nil {
		return nil, err
	}
	if c != info.Commitment { // both are public
		return nil, seal.ErrCommitment
	}
	return h, nil
}

// checkJSON refuses what Tink's reader would read in one of several ways, or would take too long over.
func checkJSON(b []byte) error {
	return strictjson.Check(b, strictjson.Limits{MaxBytes: seal.MaxWrap, MaxDepth: 16})
}

// A Source gives [seal.OpenFS] the keyset that one key encryption key unwraps: the wrapped keyset with the id of the KEK.
// Nothing is tried on the others.
type Source struct {
	KEK *KEK

	// InsecureAllowUnboundKeyset also accepts a keyset that was wrapped with empty associated data, as tinkey does. Only
	// the commitment then says that it belongs to this directory.
	InsecureAllowUnboundKeyset bool
}

var _ seal.KeySource = Source{}

// Keyset implements [seal.KeySource]. Errors: [ErrNoWrap] and those of [KEK.Unwrap].
func (s Source) Keyset(ctx context.Context, info seal.Info, wraps []seal.Wrapped) (*keyset.Handle, error) {
	w, err := s.find(wraps)
	if err != nil {
		return nil, err
	}
	return s.unwrap(ctx, w, info)
}

// find picks the wrapped keyset of the KEK. Nothing is tried on the others.
func (s Source) find(wraps []seal.Wrapped) (seal.Wrapped, error) {
	if s.KEK == nil {
		return seal.Wrapped{}, errNoKey
	}
	for _, w := range wraps {
		if w.ID == s.KEK.id {
			return w, nil
		}
	}
	return seal.Wrapped{}, fmt.Errorf("%w: %s", ErrNoWrap, s.KEK.id)
}

func (s Source) unwrap(ctx context.Context, w seal.Wrapped, info seal.Info) (*keyset.Handle, error) {
	h, err := s.KEK.Unwrap(ctx, w, info)
	if s.InsecureAllowUnboundKeyset && errors.Is(err, ErrUnwrap) {
		return s.KEK.unwrap(ctx, w, info, nil)
	}
	return h, err
}
