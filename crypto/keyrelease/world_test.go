package keyrelease

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// vendor is a fake maker of machines: evidence is the report data under its MAC.
type vendor []byte

func (v vendor) attest(_ context.Context, rd [64]byte) ([]byte, error) {
	m := hmac.New(sha256.New, v)
	m.Write(rd[:])
	return m.Sum(rd[:]), nil
}

var errFake = errors.New("fake vendor: evidence refused")

func (v vendor) verify(_ context.Context, ev []byte, rd [64]byte) (Machine, error) {
	want, _ := v.attest(nil, rd)
	if !hmac.Equal(want, ev) {
		return Machine{}, errFake
	}
	return Machine{Kind: "fake", Evidence: "e1", Chip: "chip 1", Claims: map[string]string{"measurement": "aa"}}, nil
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newKeyset(t testing.TB) *keyset.Handle {
	t.Helper()
	h, err := seal.NewKeyset(4096)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func infoOf(t testing.TB, h *keyset.Handle, version uint64) seal.Info {
	t.Helper()
	c, err := seal.Commitment(h)
	if err != nil {
		t.Fatal(err)
	}
	return seal.Info{Name: "tiny", Version: version, Commitment: c, ManifestDigest: sha256.Sum256([]byte("seal.json"))}
}

// world is a server with two versions of one model, and a guest that it accepts.
type world struct {
	vendor   vendor
	identity *ecdsa.PrivateKey
	v6, v7   *keyset.Handle
	config   ServerConfig
	client   *Client
	info     seal.Info // of version 7
	log      *bytes.Buffer
	now      time.Time
	// between may change what travels; nil passes it on.
	between func(path string, body []byte) []byte
	after   func(path string, body []byte) []byte
	seen    map[string][]byte // last request body by path
	served  *Server
	mu      sync.Mutex // guards seen
}

func newWorld(t testing.TB) *world {
	w := &world{
		vendor: vendor("a key of the fake vendor"), identity: newKey(t), v6: newKeyset(t), v7: newKeyset(t),
		log: new(bytes.Buffer), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), seen: map[string][]byte{},
	}
	w.info = infoOf(t, w.v7, 7)
	guest := sha256.Sum256([]byte("guest configuration"))
	w.config = ServerConfig{
		Identity: w.identity, Verify: w.vendor.verify,
		Models: map[string]Model{"tiny": {
			MinVersion: 7, Versions: []Version{{Version: 6, Keyset: w.v6}, {Version: 7, Keyset: w.v7}}, Configs: [][32]byte{guest},
			Require: map[string][]string{"measurement": {"bb", "aa"}},
			Seals:   [][32]byte{w.info.ManifestDigest},
		}},
		DenyList: &DenyList{Number: 3, Digest: sha256.Sum256([]byte("list"))}, RulesMinVersion: 11,
		Audit: slog.New(slog.NewJSONHandler(w.log, nil)), Clock: func() time.Time { return w.now },
	}
	w.client = &Client{
		ServerKey: &w.identity.PublicKey, Attest: w.vendor.attest, Config: guest, MinVersion: 5,
		DenyList: w.config.DenyList, RulesVersion: 11,
	}
	return w
}

// start serves the world's configuration, with its hands on the wire.
func (w *world) start(t *testing.T) {
	t.Helper()
	s, err := NewServer(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.served = s
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if w.between != nil {
			body = w.between(r.URL.Path, body)
		}
		w.mu.Lock()
		w.seen[r.URL.Path] = body
		w.mu.Unlock()
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		out := rec.Body.Bytes()
		if w.after != nil {
			out = w.after(r.URL.Path, out)
		}
		maps.Copy(rw.Header(), rec.Header())
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(out)
	}))
	t.Cleanup(srv.Close)
	w.client.URL, w.client.HTTP = srv.URL, srv.Client()
}

// post sends raw bytes to the server.
func (w *world) post(t *testing.T, path string, body []byte) (int, []byte) {
	t.Helper()
	resp, err := w.client.HTTP.Post(w.client.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b
}

// rewrite changes one message of type T.
func rewrite[T any](path string, f func(*T)) func(string, []byte) []byte {
	return func(p string, body []byte) []byte {
		var m T
		if p != path || json.Unmarshal(body, &m) != nil {
			return body
		}
		f(&m)
		out, _ := json.Marshal(m)
		return out
	}
}

func code(c Code) func(error) bool {
	return func(err error) bool {
		d, ok := errors.AsType[*DeniedError](err)
		return ok && d.Code == c && errors.Is(err, ErrDenied)
	}
}

func is(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }

func floor(what string) func(error) bool {
	return func(err error) bool {
		f, ok := errors.AsType[*FloorError](err)
		return ok && f.What == what && errors.Is(err, ErrFloor)
	}
}
