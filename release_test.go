package holdfast_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// The twin of every attack below.
func TestReleaseToAnHonestGuest(t *testing.T) {
	g := newGuest(t)
	g.start(t)
	if err := g.open(t); err != nil {
		t.Fatal(err)
	}
	if f, ok := g.client.Floors(); !ok || f.MinVersion != 7 || !f.ServerTime.Equal(g.now) {
		t.Errorf("floors %+v, %v", f, ok)
	}
}

// Whoever takes the disk has the sealed directory, the wrapped keysets and a machine of their own.
func TestStolenDisk(t *testing.T) {
	g := newGuest(t)
	secret := "the weights of this model"
	files := contents(7)
	files["notes.txt"] = secret
	owner, err := kek.FromKey("owner", bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/sealed"
	if _, err := seal.Dir(t.Context(), dir, publish(t, g.signer, files), h, seal.Options{Name: modelName, Version: 7, Wraps: []seal.Wrapper{owner}}); err != nil {
		t.Fatal(err)
	}
	m := g.server.Models[modelName]
	m.Versions = []keyrelease.Version{{Version: 7, Keyset: h}}
	g.server.Models[modelName] = m
	g.cfg.Source = os.DirFS(dir)
	g.start(t)
	if err := g.open(t); err != nil {
		t.Fatalf("the owner's machine: %v", err)
	}
	err = fs.WalkDir(g.cfg.Source, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(g.cfg.Source, p)
		if bytes.Contains(b, []byte(secret)) || bytes.Contains(b, []byte(files[weights][8:])) {
			t.Errorf("%s shows plaintext", p)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	thief, err := kek.FromKey("owner", bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	g.cfg.Key = kek.Source{KEK: thief, InsecureAllowUnboundKeyset: true}
	if err := g.open(t); !errors.Is(err, kek.ErrUnwrap) {
		t.Errorf("with a key of the thief's: %v", err)
	}
	own, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	g.cfg.Key = held{h: own}
	if err := g.open(t); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("with a keyset of the thief's: %v", err)
	}
	machine, _ := simulated(t)
	g.client.Attest, g.cfg.Key = holdfast.Attestor(machine), g.client
	wantCode(t, g.open(t), keyrelease.CodeEvidence)
	g.client.Attest = func(context.Context, [64]byte) ([]byte, error) { return []byte("no machine at all"), nil }
	wantCode(t, g.open(t), keyrelease.CodeEvidence)
}

// The host records a release and plays it again: to the server, and to the guest when it asks anew.
func TestReplayedRelease(t *testing.T) {
	g := newGuest(t)
	g.start(t)
	if err := g.open(t); err != nil {
		t.Fatal(err)
	}
	asked, answered, challenge := g.seen["/v1/release"], g.seen["</v1/release"], g.seen["</v1/challenge"]
	if status, b := g.post(t, "/v1/release", asked); status != http.StatusForbidden || !strings.Contains(b, string(keyrelease.CodeReplay)) {
		t.Errorf("the request again: %d %s", status, b)
	}
	g.response = func(p string, b []byte) []byte {
		if p == "/v1/release" {
			return answered
		}
		return b
	}
	if err := g.open(t); !errors.Is(err, keyrelease.ErrServer) {
		t.Errorf("the answer again: %v", err)
	}
	g.response = func(p string, b []byte) []byte {
		if p == "/v1/challenge" {
			return challenge
		}
		return b
	}
	wantCode(t, g.open(t), keyrelease.CodeReplay)
	g.response = nil
	g.now = g.now.Add(keyrelease.DefaultLifetime + time.Second)
	if status, b := g.post(t, "/v1/release", asked); status != http.StatusForbidden || !strings.Contains(b, string(keyrelease.CodeExpired)) {
		t.Errorf("the request later: %d %s", status, b)
	}
}

// The host swaps the configuration that the guest reads at start for a weaker one.
func TestSwappedHostConfiguration(t *testing.T) {
	good := newGuest(t)
	good.client.DenyList = denying(t, &good.cfg, good.signer, 4, good.now)
	digest, err := good.cfg.Digest()
	if err != nil {
		t.Fatal(err)
	}
	m := good.server.Models[modelName]
	m.Configs = [][32]byte{digest}
	good.server.Models[modelName] = m
	good.client.Config = digest
	good.start(t)
	if err := good.open(t); err != nil {
		t.Fatalf("the twin: %v", err)
	}
	for name, weaken := range map[string]func(*holdfast.Config){
		"other signers":     func(c *holdfast.Config) { c.Signature.Keys = append(c.Signature.Keys, signtest.Key(t).Public()) },
		"older versions":    func(c *holdfast.Config) { c.Signature.MinVersion = 0 },
		"remote code":       func(c *holdfast.Config) { c.MBOM.InsecureAllowRemoteCode = true },
		"any weights":       func(c *holdfast.Config) { c.Weights = mbom.WeightPolicy{InsecureAnyValue: true} },
		"guard without one": func(c *holdfast.Config) { c.Guard.Routes = c.Guard.Routes[1:] },
		"no deny list":      func(c *holdfast.Config) { c.Signature.DenyListKeys, c.DenyList = nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			weak := good.cfg
			weaken(&weak)
			digest, err := weak.Digest()
			if err != nil {
				t.Fatal(err)
			}
			// The program of the guest is measured: it tells the truth.
			client := &keyrelease.Client{
				URL: good.client.URL, HTTP: good.client.HTTP, ServerKey: good.client.ServerKey, Attest: good.client.Attest,
				DenyList: good.client.DenyList, Config: digest,
			}
			_, err = seal.OpenFS(t.Context(), weak.Source, client)
			wantCode(t, err, keyrelease.CodeConfig)
		})
	}
	g := newGuest(t) // and what was claimed is in the evidence: the host cannot claim the good one for it
	g.start(t)
	g.request = edit(t, "/v1/release", "claims", func(b []byte) any {
		return bytes.Replace(b, []byte(`"min_version":0`), []byte(`"min_version":1`), 1)
	})
	wantCode(t, g.open(t), keyrelease.CodeEvidence)
}

// Whoever can break an older key exchange has the parties agree on it.
func TestDowngradedSuite(t *testing.T) {
	g := newGuest(t)
	g.start(t)
	g.request = edit(t, "/v1/release", "suite", func([]byte) any { return "x25519-hkdf-sha256-aes256gcm" })
	wantCode(t, g.open(t), keyrelease.CodeSuite)

	weak, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	g.request = edit(t, "/v1/release", "key", func([]byte) any { return weak.PublicKey().Bytes() })
	wantCode(t, g.open(t), keyrelease.CodeSuite)

	// An answer that was sealed under another suite is not one of the server's, and does not open.
	g.request = nil
	g.response = edit(t, "/v1/release", "sealed", func([]byte) any {
		sealed, err := hpke.Seal(weak.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), nil, []byte("{}"))
		if err != nil {
			t.Error(err)
		}
		return sealed
	})
	if err := g.open(t); !errors.Is(err, keyrelease.ErrServer) {
		t.Errorf("got %v", err)
	}
}

// Somebody answers in the key server's place, with a certificate that TLS would accept: with a key server of their own, by
// relaying, and by putting their own key into what they relay.
func TestManInTheMiddleAtTheKeyServer(t *testing.T) {
	g := newGuest(t)
	g.start(t)
	honest := g.handler
	asked := 0
	attestor := g.client.Attest
	g.client.Attest = func(ctx context.Context, rd [64]byte) ([]byte, error) { asked++; return attestor(ctx, rd) }

	evil := g.server
	evil.Identity = signtest.Key(t)
	evil.Models = map[string]keyrelease.Model{}
	own, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	m := g.server.Models[modelName]
	m.Versions = []keyrelease.Version{{Version: 7, Keyset: own}}
	evil.Models[modelName] = m
	s, err := keyrelease.NewServer(evil)
	if err != nil {
		t.Fatal(err)
	}
	g.handler = s
	if err := g.open(t); !errors.Is(err, keyrelease.ErrServer) || asked != 0 {
		t.Errorf("another server: %v, and the guest made %d quotes for it", err, asked)
	}
	// Its challenge under the good server's signature, its answer after the good server's challenge.
	g.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/challenge" {
			honest.ServeHTTP(w, r)
			return
		}
		s.ServeHTTP(w, r)
	})
	wantCode(t, g.open(t), keyrelease.CodeChallenge)

	// A relay that asks for the keyset itself: the evidence names the guest's key.
	g.handler = honest
	mine, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	g.request = edit(t, "/v1/release", "key", func([]byte) any { return mine.PublicKey().Bytes() })
	wantCode(t, g.open(t), keyrelease.CodeEvidence)
	// One that only listens has an answer that its key does not open.
	g.request = nil
	if err := g.open(t); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Sealed []byte }
	if err := json.Unmarshal(g.seen["</v1/release"], &answer); err != nil || len(answer.Sealed) == 0 {
		t.Fatal(err)
	}
	if _, err := hpke.Open(mine, hpke.HKDFSHA256(), hpke.AES256GCM(), nil, answer.Sealed); err == nil {
		t.Error("the relay opens the answer")
	}
}
