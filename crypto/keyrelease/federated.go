package keyrelease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/holdfast-ai/holdfast/crypto/secret"
)

// An IdentitySource gets a token that says what this machine is, signed by whoever verified its evidence: a cloud's
// attestation service. audience is whom the token is for, and bounds where else it is good.
type IdentitySource interface {
	IdentityToken(ctx context.Context, audience string) (*secret.Bytes, error)
}

// A Credential is what a token service gives for an identity token.
type Credential struct {
	Token   *secret.Bytes
	Expires time.Time
}

// Federated is the other family of key release: an attested identity token is exchanged for a credential, and an ordinary
// KMS decrypts for whoever has that. It is a [tink.AEADWithContext], made into a key encryption key by kek.FromAEAD; the keysets that it unwraps lie
// in seal.keys.
//
// It is weaker than [Client], and for KMSs that know nothing better. The policy on machines is the token service's, in its
// own language. The keyset comes back protected by TLS alone, since nothing is sealed to a key inside the machine; and whoever
// takes the credential while it lasts has the key. Nobody names floors: rollback and the guest's clock are not covered.
//
// All fields but Clock are required. It is safe for concurrent use; do not copy it.
type Federated struct {
	Audience string         // of the token service
	Identity IdentitySource // of this machine
	// Exchange asks the token service. Its errors should wrap [ErrDenied] or [ErrUnavailable].
	Exchange func(ctx context.Context, token *secret.Bytes) (Credential, error)
	// KMS makes the client of one key under a credential. It must not keep the credential longer than the client.
	KMS   func(c Credential) (tink.AEADWithContext, error)
	Clock func() time.Time // default [time.Now]

	mu      sync.Mutex
	current Credential
}

var _ tink.AEADWithContext = (*Federated)(nil)

const (
	// credentialMargin is how long before its end a credential is not used any more: a call must not end it under way.
	credentialMargin = 30 * time.Second
	// maxCredential is how long one is used at most, whatever it says of itself.
	maxCredential = time.Hour
)

// EncryptWithContext wraps pt bound to ad. Errors: as [Federated.DecryptWithContext].
func (f *Federated) EncryptWithContext(ctx context.Context, pt, ad []byte) ([]byte, error) {
	return f.call(ctx, func(a tink.AEADWithContext) ([]byte, error) { return a.EncryptWithContext(ctx, pt, ad) })
}

// DecryptWithContext unwraps ct bound to ad. Errors: [ErrConfig]; [ErrAttest] where there is no token; [ErrProtocol] for a
// credential that has ended; those of Exchange and of the KMS.
func (f *Federated) DecryptWithContext(ctx context.Context, ct, ad []byte) ([]byte, error) {
	return f.call(ctx, func(a tink.AEADWithContext) ([]byte, error) { return a.DecryptWithContext(ctx, ct, ad) })
}

func (f *Federated) call(ctx context.Context, do func(tink.AEADWithContext) ([]byte, error)) ([]byte, error) {
	if f.Audience == "" || f.Identity == nil || f.Exchange == nil || f.KMS == nil {
		return nil, fmt.Errorf("%w: Audience, Identity, Exchange and KMS are required", ErrConfig)
	}
	c, err := f.credential(ctx)
	if err != nil {
		return nil, err
	}
	aead, err := f.KMS(c)
	if err != nil {
		return nil, fmt.Errorf("keyrelease: KMS: %w", err)
	}
	if aead == nil {
		return nil, fmt.Errorf("%w: KMS made no client", ErrConfig)
	}
	out, err := do(aead)
	if err != nil {
		f.forget(c) // it may have been withdrawn: the next call gets a new one
		return nil, fmt.Errorf("keyrelease: KMS: %w", err)
	}
	return out, nil
}

// credential returns one that is good for a while. Who needs a new one waits for whoever is getting it.
func (f *Federated) credential(ctx context.Context) (Credential, error) {
	now := time.Now
	if f.Clock != nil {
		now = f.Clock
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current.Token != nil && now().Before(f.current.Expires) {
		return f.current, nil
	}
	f.current = Credential{}
	if err := ctx.Err(); err != nil { // it may have ended while waiting
		return Credential{}, fmt.Errorf("keyrelease: %w", err)
	}
	token, err := f.Identity.IdentityToken(ctx, f.Audience)
	if err == nil && token == nil {
		err = errors.New("no token")
	}
	if err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrAttest, err)
	}
	defer token.Destroy()
	c, err := f.Exchange(ctx, token)
	if err != nil {
		return Credential{}, fmt.Errorf("keyrelease: token service: %w", err)
	}
	at := now()
	end := c.Expires.Add(-credentialMargin)
	if latest := at.Add(maxCredential); end.After(latest) {
		end = latest
	}
	if c.Token == nil || !at.Before(end) {
		return Credential{}, fmt.Errorf("%w: a credential that has ended", ErrProtocol)
	}
	f.current = Credential{c.Token, end}
	return f.current, nil
}

func (f *Federated) forget(c Credential) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current.Token == c.Token {
		f.current = Credential{}
	}
}
