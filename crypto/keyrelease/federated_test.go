package keyrelease

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/crypto/secret"
)

// cloud is an attestation service, a token service and a KMS in process. Tokens are ES256 statements over what a machine
// is; the token service accepts those for it, in time, of an image that it knows; the KMS serves whoever has a credential.
type cloud struct {
	t        *testing.T
	attester *ecdsa.PrivateKey
	images   map[string]bool // that may have the key
	key      tink.AEAD
	srv      *httptest.Server
	now      time.Time

	mu          sync.Mutex
	credentials map[string]time.Time
	exchanges   int
	ads         []string // associated data that reached the KMS
}

type cloudClaims struct {
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Image    string `json:"image_digest"`
	Debug    bool   `json:"debug"`
}

func newCloud(t *testing.T) *cloud {
	key, err := subtle.NewAESGCM(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{t: t, attester: newKey(t), images: map[string]bool{"sha256:good": true}, key: key, now: time.Unix(1_900_000_000, 0),
		credentials: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", c.token)
	mux.HandleFunc("POST /decrypt", func(w http.ResponseWriter, r *http.Request) { c.kms(w, r, c.key.Decrypt) })
	mux.HandleFunc("POST /encrypt", func(w http.ResponseWriter, r *http.Request) { c.kms(w, r, c.key.Encrypt) })
	c.srv = httptest.NewServer(mux)
	t.Cleanup(c.srv.Close)
	return c
}

// identity is what the attestation service says of one machine.
type identity struct {
	c   *cloud
	say func(*cloudClaims)
	err error
}

func (i *identity) IdentityToken(_ context.Context, audience string) (*secret.Bytes, error) {
	claims := cloudClaims{Audience: audience, Expires: i.c.now.Add(5 * time.Minute).Unix(), Image: "sha256:good"}
	if i.say != nil {
		i.say(&claims)
	}
	b, _ := json.Marshal(claims)
	d := sha256.Sum256(b)
	sig, err := ecdsa.SignASN1(rand.Reader, i.c.attester, d[:])
	if err != nil {
		return nil, err
	}
	e := base64.RawURLEncoding
	return secret.New([]byte(e.EncodeToString(b) + "." + e.EncodeToString(sig))), i.err
}

func (c *cloud) token(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	payload, sig, _ := strings.Cut(string(body), ".")
	b, _ := base64.RawURLEncoding.DecodeString(payload)
	s, _ := base64.RawURLEncoding.DecodeString(sig)
	d := sha256.Sum256(b)
	var claims cloudClaims
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ecdsa.VerifyASN1(&c.attester.PublicKey, d[:], s) || json.Unmarshal(b, &claims) != nil || claims.Audience != "sts" ||
		c.now.Unix() > claims.Expires || claims.Debug || !c.images[claims.Image] {
		http.Error(w, "denied", http.StatusForbidden)
		return
	}
	c.exchanges++
	cred := fmt.Sprintf("canary-credential-%d", c.exchanges)
	c.credentials[cred] = c.now.Add(10 * time.Minute)
	_ = json.NewEncoder(w).Encode(map[string]any{"token": cred, "expires": c.credentials[cred]})
}

func (c *cloud) kms(w http.ResponseWriter, r *http.Request, f func(in, ad []byte) ([]byte, error)) {
	var m struct{ Data, AD []byte }
	b, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.credentials[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok || c.now.After(until) {
		http.Error(w, "denied", http.StatusUnauthorized)
		return
	}
	if json.Unmarshal(b, &m) != nil {
		http.Error(w, "form", http.StatusBadRequest)
		return
	}
	c.ads = append(c.ads, string(m.AD))
	out, err := f(m.Data, m.AD)
	if err != nil {
		http.Error(w, "does not decrypt", http.StatusBadRequest)
		return
	}
	_, _ = w.Write(out)
}

// remoteKMS is an ordinary client of the KMS.
type remoteKMS struct {
	c    *cloud
	cred *secret.Bytes
}

func (k remoteKMS) call(ctx context.Context, op string, data, ad []byte) (out []byte, err error) {
	b, _ := json.Marshal(map[string][]byte{"Data": data, "AD": ad})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.c.srv.URL+"/"+op, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	err = k.cred.Use(func(t []byte) error { req.Header.Set("Authorization", "Bearer "+string(t)); return nil })
	if err != nil {
		return nil, err
	}
	resp, err := k.c.srv.Client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if out, err = io.ReadAll(resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("KMS answers %d", resp.StatusCode)
	}
	return out, err
}

func (k remoteKMS) EncryptWithContext(ctx context.Context, pt, ad []byte) ([]byte, error) {
	return k.call(ctx, "encrypt", pt, ad)
}

func (k remoteKMS) DecryptWithContext(ctx context.Context, ct, ad []byte) ([]byte, error) {
	return k.call(ctx, "decrypt", ct, ad)
}

func (c *cloud) federated(id IdentitySource) *Federated {
	return &Federated{
		Audience: "sts", Identity: id, Clock: func() time.Time { return c.now },
		Exchange: func(ctx context.Context, token *secret.Bytes) (cred Credential, err error) {
			err = token.Use(func(b []byte) error {
				resp, err := c.srv.Client().Post(c.srv.URL+"/token", "text/plain", bytes.NewReader(b))
				if err != nil {
					return fmt.Errorf("%w: %w", ErrUnavailable, err)
				}
				defer resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					return denied(CodeEvidence)
				}
				var m struct {
					Token   string
					Expires time.Time
				}
				err = json.NewDecoder(resp.Body).Decode(&m)
				cred = Credential{secret.New([]byte(m.Token)), m.Expires}
				return err
			})
			return cred, err
		},
		KMS: func(cred Credential) (tink.AEADWithContext, error) { return remoteKMS{c, cred.Token}, nil },
	}
}

// A sealed directory opens with an attested identity and an ordinary KMS, and the associated data reaches the KMS.
func TestFederatedRelease(t *testing.T) {
	c := newCloud(t)
	k, err := kek.FromAEAD("cloud", c.federated(&identity{c: c}))
	if err != nil {
		t.Fatal(err)
	}
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "sealed")
	info, err := seal.Dir(t.Context(), dir, fstest.MapFS{"w": {Data: []byte("weights")}}, h, seal.Options{Name: "tiny", Version: 7, Wraps: []seal.Wrapper{k}})
	if err != nil {
		t.Fatal(err)
	}
	root := os.DirFS(dir)
	f, err := seal.OpenFS(t.Context(), root, kek.Source{KEK: k})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if len(c.ads) != 2 || c.ads[0] != string(info.KeysetAD()) || c.ads[1] != c.ads[0] {
		t.Errorf("associated data %q", c.ads)
	}
	if c.exchanges != 1 {
		t.Errorf("%d exchanges for two calls", c.exchanges)
	}
	c.now = c.now.Add(9*time.Minute + 31*time.Second)
	if f, err = seal.OpenFS(t.Context(), root, kek.Source{KEK: k}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if c.exchanges != 2 {
		t.Errorf("%d exchanges: a credential was used to its last second", c.exchanges)
	}
}

// Each differs in one thing from a machine that gets the key.
func TestFederatedRefusals(t *testing.T) {
	c := newCloud(t)
	ct, err := c.key.Encrypt([]byte("canary keyset"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	other := newCloud(t)
	errDevice := errors.New("no evidence today")
	for name, x := range map[string]struct {
		change func(f *Federated, i *identity)
		want   func(error) bool
	}{
		"twin":          {func(*Federated, *identity) {}, nil},
		"other image":   {func(_ *Federated, i *identity) { i.say = func(s *cloudClaims) { s.Image = "sha256:evil" } }, is(ErrDenied)},
		"debug":         {func(_ *Federated, i *identity) { i.say = func(s *cloudClaims) { s.Debug = true } }, is(ErrDenied)},
		"old token":     {func(_ *Federated, i *identity) { i.say = func(s *cloudClaims) { s.Expires = 1 } }, is(ErrDenied)},
		"for another":   {func(f *Federated, _ *identity) { f.Audience = "someone else" }, is(ErrDenied)},
		"forged":        {func(f *Federated, _ *identity) { f.Identity = &identity{c: other} }, is(ErrDenied)},
		"no evidence":   {func(_ *Federated, i *identity) { i.err = errDevice }, is(ErrAttest)},
		"no token":      {func(f *Federated, _ *identity) { f.Identity = nothing{} }, is(ErrAttest)},
		"token service": {func(f *Federated, _ *identity) { f.Exchange = exchangeOf(Credential{}, ErrUnavailable) }, is(ErrUnavailable)},
		"no credential": {func(f *Federated, _ *identity) { f.Exchange = exchangeOf(Credential{}, nil) }, is(ErrProtocol)},
		"ended": {func(f *Federated, _ *identity) {
			f.Exchange = exchangeOf(Credential{secret.New([]byte("x")), c.now}, nil)
		}, is(ErrProtocol)},
		"foreign": {func(f *Federated, _ *identity) {
			f.Exchange = exchangeOf(Credential{secret.New([]byte("x")), c.now.Add(time.Hour)}, nil)
		}, func(err error) bool { return err != nil }},
		"no KMS": {func(f *Federated, _ *identity) {
			f.KMS = func(Credential) (tink.AEADWithContext, error) { return nil, nil }
		}, is(ErrConfig)},
		"KMS misconfig": {func(f *Federated, _ *identity) {
			f.KMS = func(Credential) (tink.AEADWithContext, error) { return nil, errDevice }
		}, is(errDevice)},
		"nothing at all":  {func(f *Federated, _ *identity) { f.Identity, f.Audience = nil, "" }, is(ErrConfig)},
		"no audience":     {func(f *Federated, _ *identity) { f.Audience = "" }, is(ErrConfig)},
		"no identity":     {func(f *Federated, _ *identity) { f.Identity = nil }, is(ErrConfig)},
		"no KMS maker":    {func(f *Federated, _ *identity) { f.KMS = nil }, is(ErrConfig)},
		"no token server": {func(f *Federated, _ *identity) { f.Exchange = nil }, is(ErrConfig)},
	} {
		i := &identity{c: c}
		f := c.federated(i)
		x.change(f, i)
		pt, err := f.DecryptWithContext(t.Context(), ct, []byte("ad"))
		switch {
		case x.want == nil && (err != nil || string(pt) != "canary keyset"):
			t.Errorf("%s: %v", name, err)
		case x.want != nil && (pt != nil || !x.want(err)):
			t.Errorf("%s: %q, %v", name, pt, err)
		case err != nil && strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
	if pt, err := c.federated(&identity{c: c}).DecryptWithContext(t.Context(), ct, []byte("da")); err == nil {
		t.Errorf("other associated data: %q", pt)
	}
}

// A credential that the KMS does not take is not used again; many callers share one exchange; no credential outlives an hour.
func TestFederatedCredentials(t *testing.T) {
	c := newCloud(t)
	f := c.federated(&identity{c: c})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := f.EncryptWithContext(t.Context(), []byte("pt"), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c.exchanges != 1 {
		t.Errorf("%d exchanges for eight callers", c.exchanges)
	}
	c.mu.Lock()
	clear(c.credentials) // withdrawn
	c.mu.Unlock()
	if _, err := f.EncryptWithContext(t.Context(), []byte("pt"), nil); err == nil {
		t.Error("a withdrawn credential is served")
	}
	if _, err := f.EncryptWithContext(t.Context(), []byte("pt"), nil); err != nil || c.exchanges != 2 {
		t.Errorf("after a withdrawal: %v, %d exchanges", err, c.exchanges)
	}
	asked := 0
	f.Exchange = func(context.Context, *secret.Bytes) (Credential, error) {
		asked++
		c.mu.Lock()
		defer c.mu.Unlock()
		c.credentials["long"] = c.now.AddDate(1, 0, 0)
		return Credential{secret.New([]byte("long")), c.now.AddDate(1, 0, 0)}, nil
	}
	c.now = c.now.Add(time.Hour)
	for _, wait := range []time.Duration{0, 59 * time.Minute, 2 * time.Minute} {
		c.now = c.now.Add(wait)
		if _, err := f.EncryptWithContext(t.Context(), []byte("pt"), nil); err != nil {
			t.Error(err)
		}
	}
	if asked != 2 {
		t.Errorf("%d exchanges in an hour and a minute", asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.forget(f.current)
	if _, err := f.EncryptWithContext(ctx, []byte("pt"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type nothing struct{}

func (nothing) IdentityToken(context.Context, string) (*secret.Bytes, error) { return nil, nil }

func exchangeOf(c Credential, err error) func(context.Context, *secret.Bytes) (Credential, error) {
	return func(context.Context, *secret.Bytes) (Credential, error) { return c, err }
}
