package holdfast_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// The host puts an older model in the place of the new one: signed by the same publisher, sealed as it was published, with a
// keyset that the server still knows.
func TestRolledBackModel(t *testing.T) {
	g := newGuest(t)
	old, h := sealDir(t, publish(t, g.signer, contents(6)), modelName, 6)
	g.cfg.Signature.MinVersion = 0 // the guest alone would not notice
	digest, err := g.cfg.Digest()
	if err != nil {
		t.Fatal(err)
	}
	g.client.Config = digest
	m := g.server.Models[modelName]
	m.Configs, m.MinVersion = [][32]byte{digest}, 6
	m.Versions = append(m.Versions, keyrelease.Version{Version: 6, Keyset: h})
	g.server.Models[modelName] = m
	current := g.cfg.Source
	g.cfg.Source = old
	g.start(t)
	if err := g.open(t); err != nil {
		t.Fatalf("while it is the newest: %v", err)
	}
	m.MinVersion = 7
	g.server.Models[modelName] = m
	g.start(t)
	wantCode(t, g.open(t), keyrelease.CodeVersion)

	// A newer number in seal.json does not help: the server knows the version of the keyset.
	b, err := fs.ReadFile(old, "seal.json")
	if err != nil {
		t.Fatal(err)
	}
	renumbered := overlay{old, fstest.MapFS{"seal.json": {Data: bytes.Replace(b, []byte(`"version": 6`), []byte(`"version": 7`), 1)}}}
	g.cfg.Source = renumbered
	wantCode(t, g.open(t), keyrelease.CodeVersion)

	// Nor does a keyset from elsewhere, once the server has named its floor.
	g.cfg.Source = current
	if err := g.open(t); err != nil {
		t.Fatal(err)
	}
	floors, _ := g.client.Floors()
	g.cfg.Source, g.cfg.Key = old, held{h, &floors}
	if err := g.open(t); !errors.Is(err, holdfast.ErrFloor) || !errors.Is(err, keyrelease.ErrVersion) {
		t.Errorf("with the old keyset: %v", err)
	}
}

// The guest's clock belongs to its host. Stopped before a certificate or deny list expired, it does not keep them alive: time
// is never earlier than the server's.
func TestFrozenGuestClock(t *testing.T) {
	g := newGuest(t)
	frozen := g.now
	root, leaf := certified(t, g.signer, frozen.Add(-time.Hour), frozen.Add(time.Hour))
	src := signtest.Files(contents(7))
	bom, err := mbom.Build(t.Context(), src, mbom.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := bom.CycloneDX("1.7")
	if err != nil {
		t.Fatal(err)
	}
	src[mbom.BOMFile] = &fstest.MapFile{Data: data, Mode: 0o644}
	b, _, err := sign.Sign(t.Context(), src, g.signer, sign.SignOptions{Chain: []*x509.Certificate{leaf}})
	if err != nil {
		t.Fatal(err)
	}
	src[sign.SignatureFile] = &fstest.MapFile{Data: b, Mode: 0o644}
	sealed, h := sealDir(t, src, modelName, 7)
	g.cfg.Source, g.cfg.Clock = sealed, func() time.Time { return frozen }
	release := func(change func()) { // a guest that has just started: floors never sink while it runs
		g.client = &keyrelease.Client{ServerKey: g.client.ServerKey, Attest: g.client.Attest}
		g.cfg.Signature = sign.Policy{Name: modelName, Roots: []*x509.Certificate{root}, Identities: []string{"release@example.org"}}
		change()
		if g.client.Config, err = g.cfg.Digest(); err != nil {
			t.Fatal(err)
		}
		m := g.server.Models[modelName]
		m.Versions, m.Configs = []keyrelease.Version{{Version: 7, Keyset: h}}, [][32]byte{g.client.Config}
		g.server.Models[modelName] = m
		g.start(t)
	}
	release(func() {})
	if err := g.open(t); err != nil {
		t.Fatalf("before it expires: %v", err)
	}
	g.now = frozen.Add(2 * time.Hour) // the certificate has ended
	if err := g.open(t); !errors.Is(err, sign.ErrPolicy) && !errors.Is(err, sign.ErrSignature) {
		t.Errorf("an expired certificate under a frozen clock: %v", err)
	}
	g.cfg.Key = held{h: h}
	if err := g.open(t); err != nil {
		t.Errorf("without a key server only the guest's clock is there: %v", err)
	}

	// The same for the list of what must not be served.
	g.now = frozen
	release(func() { g.client.DenyList = denying(t, &g.cfg, g.signer, 4, frozen.Add(-30*time.Minute)) })
	if err := g.open(t); err != nil {
		t.Fatalf("with a list in force: %v", err)
	}
	g.now = frozen.Add(40 * time.Minute) // the list has ended, the certificate has not
	if err := g.open(t); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("an expired deny list under a frozen clock: %v", err)
	}
}

// The deny list that the server demands is the one that the model was held against, whatever the client says that it has.
func TestDenyListFloor(t *testing.T) {
	g := newGuest(t)
	list := denying(t, &g.cfg, g.signer, 4, g.now)
	digest, err := g.cfg.Digest()
	if err != nil {
		t.Fatal(err)
	}
	m := g.server.Models[modelName]
	m.Configs = [][32]byte{digest}
	g.server.Models[modelName] = m
	g.client.Config, g.client.DenyList, g.server.DenyList = digest, list, list
	g.start(t)
	if err := g.open(t); err != nil {
		t.Fatal(err)
	}
	newer := &keyrelease.DenyList{Number: 5}
	g.server.DenyList = newer
	g.start(t)
	if err := g.open(t); !errors.Is(err, keyrelease.ErrFloor) || errors.Is(err, holdfast.ErrFloor) {
		t.Errorf("an older list, by the client: %v", err)
	}
	g.client.DenyList = newer
	if err := g.open(t); !errors.Is(err, holdfast.ErrFloor) || !errors.Is(err, keyrelease.ErrFloor) {
		t.Errorf("an older list, by the chain: %v", err)
	}
}

// The rules that the server demands are those that the guard judges by, whatever the client says that it has.
func TestRulesFloor(t *testing.T) {
	g := newGuest(t)
	has, err := guard.New(g.cfg.Guard)
	if err != nil {
		t.Fatal(err)
	}
	g.client.RulesVersion, g.server.RulesMinVersion = has.RulesNumber(), has.RulesNumber()
	g.start(t)
	if err := g.open(t); err != nil {
		t.Fatal(err)
	}
	g.server.RulesMinVersion++
	g.start(t)
	if err := g.open(t); !errors.Is(err, keyrelease.ErrFloor) || errors.Is(err, holdfast.ErrFloor) {
		t.Errorf("older rules, by the client: %v", err)
	}
	g.client.RulesVersion++
	if err := g.open(t); !errors.Is(err, holdfast.ErrFloor) || !errors.Is(err, keyrelease.ErrFloor) {
		t.Errorf("older rules, by the chain: %v", err)
	}
}
