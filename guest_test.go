package holdfast_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// guest is a machine with a sealed model on its disk, and the key server that it gets the keyset from. What travels passes
// through the host's hands.
type guest struct {
	signer   *ecdsa.PrivateKey
	identity *ecdsa.PrivateKey // of the key server
	device   attest.Device
	accepts  attest.Policy
	now      time.Time // by the key server's clock
	server   keyrelease.ServerConfig
	handler  http.Handler
	cfg      holdfast.Config
	client   *keyrelease.Client
	log      *bytes.Buffer

	request, response func(path string, b []byte) []byte // the host's hands; nil passes on
	seen              map[string][]byte                  // the last bodies, by path, "<" before those of answers
}

// newGuest seals the model, and serves its keyset to this machine under this configuration.
func newGuest(t *testing.T) *guest {
	t.Helper()
	g := &guest{
		signer: signtest.Key(t), identity: signtest.Key(t), now: time.Now().Truncate(time.Second), log: new(bytes.Buffer), seen: map[string][]byte{},
	}
	g.device, g.accepts = simulated(t)
	sealed, h := sealDir(t, publish(t, g.signer, contents(7)), modelName, 7)
	g.cfg = config(g.signer, sealed)
	g.cfg.Platform = g.device
	digest, err := g.cfg.Digest()
	if err != nil {
		t.Fatal(err)
	}
	g.server = keyrelease.ServerConfig{
		Identity: g.identity, Verify: holdfast.ReleaseVerifier(g.accepts), Clock: func() time.Time { return g.now },
		Audit: slog.New(slog.NewJSONHandler(g.log, nil)),
		Models: map[string]keyrelease.Model{modelName: {
			MinVersion: 7, Versions: []keyrelease.Version{{Version: 7, Keyset: h}}, Configs: [][32]byte{digest},
		}},
	}
	g.client = &keyrelease.Client{ServerKey: &g.identity.PublicKey, Attest: holdfast.Attestor(g.device), Config: digest}
	return g
}

// start serves the key server's configuration as it is now.
func (g *guest) start(t *testing.T) {
	t.Helper()
	s, err := keyrelease.NewServer(g.server)
	if err != nil {
		t.Fatal(err)
	}
	g.handler = s
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	g.client.URL, g.client.HTTP, g.cfg.Key = srv.URL, srv.Client(), g.client
}

// ServeHTTP is the way between guest and key server.
func (g *guest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pass := func(key string, f func(string, []byte) []byte, b []byte) []byte {
		if f != nil {
			b = f(r.URL.Path, b)
		}
		g.seen[key] = b
		return b
	}
	body, _ := io.ReadAll(r.Body)
	body = pass(r.URL.Path, g.request, body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	rec := httptest.NewRecorder()
	g.handler.ServeHTTP(rec, r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(rec.Code)
	w.Write(pass("<"+r.URL.Path, g.response, rec.Body.Bytes()))
}

func (g *guest) open(t *testing.T) error {
	t.Helper()
	c, err := holdfast.Open(t.Context(), g.cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	return loadErr(c, weights)
}

func (g *guest) post(t *testing.T, path string, body []byte) (int, string) {
	t.Helper()
	resp, err := g.client.HTTP.Post(g.client.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// edit changes one field of a message on its way.
func edit(t *testing.T, path, field string, f func([]byte) any) func(string, []byte) []byte {
	return func(p string, b []byte) []byte {
		var m map[string]any
		if p != path || json.Unmarshal(b, &m) != nil || m[field] == nil {
			return b
		}
		var raw struct{ B []byte }
		old, _ := json.Marshal(map[string]any{"B": m[field]})
		_ = json.Unmarshal(old, &raw)
		m[field] = f(raw.B)
		out, err := json.Marshal(m)
		if err != nil {
			t.Error(err)
		}
		return out
	}
}

func wantCode(t *testing.T, err error, code keyrelease.Code) {
	t.Helper()
	if d, ok := errors.AsType[*keyrelease.DeniedError](err); !ok || d.Code != code {
		t.Errorf("want the refusal %s, got %v", code, err)
	}
}

// denying makes cfg ask for a deny list, gives it one of that number and returns its name.
func denying(t *testing.T, cfg *holdfast.Config, key *ecdsa.PrivateKey, number uint64, now time.Time) *keyrelease.DenyList {
	t.Helper()
	cfg.Signature.DenyListKeys = []crypto.PublicKey{key.Public()}
	var err error
	cfg.DenyList, err = sign.SignDenyList(key, &sign.DenyList{Number: number, Issued: now.Add(-time.Hour), Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	n, d, err := cfg.Signature.VerifyDenyList(cfg.DenyList, now)
	if err != nil {
		t.Fatal(err)
	}
	return &keyrelease.DenyList{Number: n, Digest: d}
}

// overlay shows the files of over before those of FS.
type overlay struct {
	fs.FS
	over fstest.MapFS
}

func (o overlay) Open(name string) (fs.File, error) {
	if _, ok := o.over[name]; ok {
		return o.over.Open(name)
	}
	return o.FS.Open(name)
}

// certified is an authority and the certificate that it issued for key, valid for that long.
func certified(t *testing.T, key *ecdsa.PrivateKey, from, to time.Time) (root, leaf *x509.Certificate) {
	t.Helper()
	ca := signtest.Key(t)
	make := func(c, parent *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
		if parent == nil {
			parent = c
		}
		c.NotBefore, c.NotAfter = from, to
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, ca)
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	root = make(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, ca.Public())
	leaf = make(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "release"}, EmailAddresses: []string{"release@example.org"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}, root, key.Public())
	return root, leaf
}
