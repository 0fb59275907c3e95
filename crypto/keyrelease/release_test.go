package keyrelease

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
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

func (v vendor) verify(_ context.Context, ev []byte, rd [64]byte) error {
	want, _ := v.attest(nil, rd)
	if !hmac.Equal(want, ev) {
		return errFake
	}
	return nil
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
}

func newWorld(t *testing.T) *world {
	w := &world{
		vendor: vendor("a key of the fake vendor"), identity: newKey(t), v6: newKeyset(t), v7: newKeyset(t),
		log: new(bytes.Buffer), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), seen: map[string][]byte{},
	}
	w.info = infoOf(t, w.v7, 7)
	guest := sha256.Sum256([]byte("guest configuration"))
	w.config = ServerConfig{
		Identity: w.identity, Verify: w.vendor.verify,
		Models: map[string]Model{"tiny": {
			MinVersion: 7, Versions: []Version{{6, w.v6}, {7, w.v7}}, Configs: [][32]byte{guest},
			Seals: [][32]byte{w.info.ManifestDigest},
		}},
		DenyList: &DenyList{Number: 3, Digest: sha256.Sum256([]byte("list"))}, RulesMinVersion: 11,
		Audit: slog.New(slog.NewJSONHandler(w.log, nil)), Clock: func() time.Time { return w.now },
	}
	w.client = &Client{
		ServerKey: &w.identity.PublicKey, Attest: w.vendor.attest, Config: guest, MinVersion: 5,
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
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if w.between != nil {
			body = w.between(r.URL.Path, body)
		}
		w.seen[r.URL.Path] = body
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

func TestRelease(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	if _, ok := w.client.Floors(); ok {
		t.Error("floors before a release")
	}
	h, err := w.client.Keyset(t.Context(), w.info, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := seal.Commitment(h); err != nil || c != w.info.Commitment {
		t.Errorf("another keyset: %v", err)
	}
	f, ok := w.client.Floors()
	if !ok || !f.ServerTime.Equal(w.now) || f.MinVersion != 7 || f.RulesMinVersion != 11 || f.DenyList == nil ||
		*f.DenyList != *w.config.DenyList {
		t.Errorf("floors %+v, %v", f, ok)
	}
	if !strings.Contains(w.log.String(), "keyrelease: released") {
		t.Errorf("audit log: %s", w.log)
	}
	// A second release needs a new challenge, and gets one.
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Error(err)
	}
}

// Each refusal differs in one thing from TestRelease, the accepted twin, and has its own reason.
func TestRefusals(t *testing.T) {
	cases := []struct {
		name   string
		change func(t *testing.T, w *world)
		want   func(error) bool
	}{
		{"nothing changed", func(*testing.T, *world) {}, nil},
		{"evidence of another vendor", func(_ *testing.T, w *world) { w.client.Attest = vendor("other").attest }, code(CodeEvidence)},
		{"evidence for another key E", func(_ *testing.T, w *world) {
			other, _ := hpkeKEM().GenerateKey()
			w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Key = other.PublicKey().Bytes() })
		}, code(CodeEvidence)},
		{"evidence for other claims", func(_ *testing.T, w *world) {
			w.between = rewrite("/v1/release", func(r *releaseRequest) {
				r.Claims = bytes.Replace(r.Claims, []byte(`"min_version":5`), []byte(`"min_version":4`), 1)
			})
		}, code(CodeEvidence)},
		{"evidence for another challenge", func(t *testing.T, w *world) {
			w.between = rewrite("/v1/release", func(r *releaseRequest) {
				s := tokens{key: w.config.ChallengeKey, lifetime: time.Minute}
				s.server, _ = serverHash(&w.identity.PublicKey)
				r.Token = s.issue(w.now)
			})
			w.config.ChallengeKey = make([]byte, 32)
		}, code(CodeEvidence)},
		{"evidence with a flipped bit", func(_ *testing.T, w *world) {
			w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Evidence[3] ^= 1 })
		}, code(CodeEvidence)},
		{"challenge of another server", func(t *testing.T, w *world) {
			w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Token[60] ^= 1 })
		}, code(CodeChallenge)},
		{"challenge with a later expiry", func(t *testing.T, w *world) {
			w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Token[7]++ })
		}, code(CodeChallenge)},
		{"expired challenge", func(_ *testing.T, w *world) {
			w.client.Attest = func(ctx context.Context, rd [64]byte) ([]byte, error) {
				w.now = w.now.Add(DefaultLifetime + time.Second)
				return w.vendor.attest(ctx, rd)
			}
		}, code(CodeExpired)},
		{"challenge at the end of its life", func(_ *testing.T, w *world) {
			w.client.Attest = func(ctx context.Context, rd [64]byte) ([]byte, error) {
				w.now = w.now.Add(DefaultLifetime)
				return w.vendor.attest(ctx, rd)
			}
		}, nil},
		{"other suite", func(_ *testing.T, w *world) {
			w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Suite = "x25519" })
		}, code(CodeSuite)},
		{"unknown model", func(_ *testing.T, w *world) { w.info.Name = "other" }, code(CodeModel)},
		{"wrong commitment", func(t *testing.T, w *world) { w.info = infoOf(t, newKeyset(t), 7) }, code(CodeCommitment)},
		{"old version", func(t *testing.T, w *world) { w.info = infoOf(t, w.v6, 6) }, code(CodeVersion)},
		{"old version is the newest", func(t *testing.T, w *world) {
			w.info = infoOf(t, w.v6, 6)
			m := w.config.Models["tiny"]
			m.MinVersion = 6
			w.config.Models["tiny"] = m
		}, nil},
		{"old version under a new number", func(t *testing.T, w *world) { w.info = infoOf(t, w.v6, 7) }, code(CodeVersion)},
		{"older than the guest wants", func(_ *testing.T, w *world) { w.client.MinVersion = 8 }, is(ErrVersion)},
		{"host renumbers an older model", func(t *testing.T, w *world) {
			w.client.MinVersion, w.info = 8, infoOf(t, w.v7, 8)
		}, code(CodeVersion)},
		{"exactly what the guest wants", func(_ *testing.T, w *world) { w.client.MinVersion = 7 }, nil},
		{"other seal.json", func(_ *testing.T, w *world) { w.info.ManifestDigest[0]++ }, code(CodeSeal)},
		{"other seal.json where none is pinned", func(_ *testing.T, w *world) {
			w.info.ManifestDigest[0]++
			m := w.config.Models["tiny"]
			m.Seals = nil
			w.config.Models["tiny"] = m
		}, nil},
		{"wrong config", func(_ *testing.T, w *world) { w.client.Config[0]++ }, code(CodeConfig)},
		{"wrong config, insecurely allowed", func(_ *testing.T, w *world) {
			w.client.Config[0]++
			m := w.config.Models["tiny"]
			m.InsecureAnyConfig = true
			w.config.Models["tiny"] = m
		}, nil},
		{"guest without a config", func(_ *testing.T, w *world) { w.client.Config = [32]byte{} }, is(ErrConfig)},
		{"server with another key", func(t *testing.T, w *world) { w.client.ServerKey = &newKey(t).PublicKey }, is(ErrServer)},
		{"challenge not signed by the server", func(_ *testing.T, w *world) {
			w.after = rewrite("/v1/challenge", func(r *challengeResponse) { r.Token[0] ^= 1 })
		}, is(ErrServer)},
		{"answer altered", func(_ *testing.T, w *world) {
			w.after = rewrite("/v1/release", func(r *releaseResponse) { r.Sealed[5] ^= 1 })
		}, is(ErrServer)},
		{"answer not for this exchange", func(_ *testing.T, w *world) {
			var first []byte
			w.after = func(p string, b []byte) []byte {
				if p != "/v1/release" {
					return b
				}
				if first == nil {
					first = b
					return []byte(`{}`) // the guest asks again
				}
				return first
			}
		}, is(ErrServer)},
		{"device fails", func(_ *testing.T, w *world) {
			w.client.Attest = func(context.Context, [64]byte) ([]byte, error) { return nil, errFake }
		}, func(err error) bool { return errors.Is(err, ErrAttest) && errors.Is(err, errFake) }},
		{"verifier is down", func(_ *testing.T, w *world) {
			w.config.Verify = func(context.Context, []byte, [64]byte) error { return ErrUnavailable }
		}, is(ErrUnavailable)},
		{"answer is no JSON", func(_ *testing.T, w *world) {
			w.after = func(string, []byte) []byte { return []byte("<html>") }
		}, is(ErrProtocol)},
		{"answer has a duplicate key", func(_ *testing.T, w *world) {
			w.after = func(_ string, b []byte) []byte { return append([]byte(`{"version":1,`), b[1:]...) }
		}, is(ErrProtocol)},
		{"answer is huge", func(_ *testing.T, w *world) {
			w.after = func(string, []byte) []byte { return make([]byte, maxResponse+1) }
		}, is(ErrProtocol)},
		{"nobody answers", func(_ *testing.T, w *world) { w.client.URL = "closed" }, is(ErrUnavailable)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.change(t, w)
			closed := w.client.URL == "closed"
			w.start(t)
			if closed {
				srv := httptest.NewServer(nil)
				w.client.URL = srv.URL
				srv.Close()
			}
			h, err := w.client.Keyset(t.Context(), w.info, nil)
			if c.name == "answer not for this exchange" {
				h, err = w.client.Keyset(t.Context(), w.info, nil)
			}
			switch {
			case c.want == nil && (err != nil || h == nil):
				t.Errorf("refused: %v", err)
			case c.want != nil && (err == nil || h != nil):
				t.Error("accepted")
			case c.want != nil && !c.want(err):
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
}

// The host records a whole exchange and plays the request again: within the challenge's life the server refuses, and a
// second server that shares the challenge key answers with what only the first guest's key opens.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	w.config.ChallengeKey = bytes.Repeat([]byte{7}, 32)
	w.start(t)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	body := w.seen["/v1/release"]
	status, b := w.post(t, "/v1/release", body)
	if status != http.StatusForbidden || !strings.Contains(string(b), string(CodeReplay)) {
		t.Errorf("replay: %d %s", status, b)
	}
	w.now = w.now.Add(DefaultLifetime + time.Second)
	status, b = w.post(t, "/v1/release", body)
	if status != http.StatusForbidden || !strings.Contains(string(b), string(CodeExpired)) {
		t.Errorf("late replay: %d %s", status, b)
	}
	w.now = w.now.Add(-DefaultLifetime)
	replica := newWorld(t)
	replica.config = w.config
	replica.start(t)
	if status, b = replica.post(t, "/v1/release", body); status != http.StatusOK {
		t.Fatalf("replica: %d %s", status, b)
	}
	var resp releaseResponse
	var req releaseRequest
	if json.Unmarshal(b, &resp) != nil || json.Unmarshal(body, &req) != nil {
		t.Fatal("answer of the replica")
	}
	mine, _ := hpkeKEM().GenerateKey()
	server, _ := serverHash(&w.identity.PublicKey)
	if _, err := w.client.release(t.Context(), server, &req, mine); err == nil {
		t.Error("another key opens the answer")
	}
}

// One challenge, many guests at once: one release.
func TestReplayRace(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	w.config.Audit = nil
	s, err := NewServer(w.config)
	if err != nil {
		t.Fatal(err)
	}
	token := s.tokens.issue(w.now)
	key, _ := hpkeKEM().GenerateKey()
	req, err := w.client.request(t.Context(), s.hash, token, key.PublicKey().Bytes(), w.info)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	released := 0
	for range 8 {
		wg.Go(func() {
			if _, err := s.decide(t.Context(), req, new(record)); err == nil {
				mu.Lock()
				released++
				mu.Unlock()
			} else if !code(CodeReplay)(err) {
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
	wg.Wait()
	if released != 1 {
		t.Errorf("%d releases against one challenge", released)
	}
}

// A challenge stays used until it has expired, however the generations turn.
func TestUsedUntilExpired(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Minute, 119 * time.Second, 2 * time.Minute} {
		tk := tokens{key: []byte("k"), lifetime: 2 * time.Minute}
		t0 := time.Unix(1_000_000, 0)
		if err := tk.use([32]byte{1}, t0); err != nil {
			t.Fatal(err)
		}
		issued := t0.Add(wait)
		token := tk.issue(issued)
		var c [32]byte
		copy(c[:], token)
		if err := tk.use(c, issued); err != nil {
			t.Fatal(err)
		}
		for s := time.Duration(0); s <= 2*time.Minute; s += 5 * time.Second {
			if err := tk.check(token, issued.Add(s)); err != nil {
				t.Fatalf("expired after %v", s)
			}
			if err := tk.use(c, issued.Add(s)); !code(CodeReplay)(err) {
				t.Fatalf("used at %v, again %v later: %v", wait, s, err)
			}
		}
	}
}

// A server that is not pinned passes everything on but its own name: the guest sees a challenge of another server.
func TestManInTheMiddle(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	evil := newWorld(t)
	evil.vendor, evil.config.Verify = w.vendor, w.vendor.verify
	evil.config.Models = w.config.Models
	evil.start(t)
	evil.client.ServerKey = &w.identity.PublicKey
	if _, err := evil.client.Keyset(t.Context(), w.info, nil); !errors.Is(err, ErrServer) {
		t.Errorf("guest talks to the other server: %v", err)
	}
	// Evidence that a guest made for the evil server is none for the real one: the challenge names the server.
	evil.client.ServerKey = &evil.identity.PublicKey
	if _, err := evil.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	a, _ := serverHash(&w.identity.PublicKey)
	b2, _ := serverHash(&evil.identity.PublicKey)
	if token := make([]byte, tokenSize); challengeOf(a, token) == challengeOf(b2, token) || tokenDigest(a, token) == tokenDigest(b2, token) {
		t.Error("challenges do not name their server")
	}
	status, b := w.post(t, "/v1/release", evil.seen["/v1/release"])
	if status != http.StatusForbidden || !strings.Contains(string(b), string(CodeChallenge)) {
		t.Errorf("relayed evidence: %d %s", status, b)
	}
}

// Whatever is exchanged is in the transcript that the answer is sealed and signed under.
func TestTranscriptCoversEverything(t *testing.T) {
	req := releaseRequest{protocolVersion, Suite, []byte("token"), []byte("key"), []byte("claims"), []byte("evidence")}
	seen := map[string]string{string(exchange([32]byte{}, &req)): "unchanged"}
	for name, change := range map[string]func(*releaseRequest, *[32]byte){
		"server":   func(_ *releaseRequest, s *[32]byte) { s[0]++ },
		"suite":    func(r *releaseRequest, _ *[32]byte) { r.Suite = "x" },
		"token":    func(r *releaseRequest, _ *[32]byte) { r.Token = []byte("tokem") },
		"key":      func(r *releaseRequest, _ *[32]byte) { r.Key = []byte("kez") },
		"claims":   func(r *releaseRequest, _ *[32]byte) { r.Claims = []byte("claimt") },
		"evidence": func(r *releaseRequest, _ *[32]byte) { r.Evidence = []byte("evidencf") },
		"border":   func(r *releaseRequest, _ *[32]byte) { r.Key, r.Claims = []byte("keyc"), []byte("laims") },
	} {
		r, server := req, [32]byte{}
		change(&r, &server)
		info := string(exchange(server, &r))
		if seen[info] != "" {
			t.Errorf("the transcript does not tell %s from %s", name, seen[info])
		}
		seen[info] = name
	}
	key, _ := hpkeKEM().GenerateKey()
	sealed, err := hpke.Seal(key.PublicKey(), hpkeKDF(), hpkeAEAD(), []byte("this exchange"), []byte("pt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hpke.Open(key, hpkeKDF(), hpkeAEAD(), []byte("another"), sealed); err == nil {
		t.Error("an answer opens in another exchange")
	}
}

// The server's floors hold even where its own check of the version is satisfied, and they never sink.
func TestFloorsAreEnforced(t *testing.T) {
	c := &Client{}
	h := newKeyset(t)
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&buf)); err != nil {
		t.Fatal(err)
	}
	g := &grant{Version: 1, Keyset: buf.Bytes(), ServerTime: time.Unix(100, 0), MinVersion: 8}
	if _, err := c.accept(g, infoOf(t, h, 7)); !errors.Is(err, ErrVersion) {
		t.Errorf("version 7 under a floor of 8: %v", err)
	}
	if _, err := c.accept(g, infoOf(t, h, 8)); err != nil {
		t.Errorf("version 8: %v", err)
	}
	g.MinVersion, g.ServerTime = 3, time.Unix(50, 0)
	if _, err := c.accept(g, infoOf(t, h, 7)); !errors.Is(err, ErrVersion) {
		t.Errorf("after the floor was lowered: %v", err)
	}
	if f, _ := c.Floors(); f.ServerTime != time.Unix(100, 0) || f.MinVersion != 8 {
		t.Errorf("floors sank: %+v", f)
	}
	if _, err := c.accept(g, seal.Info{Version: 9}); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("other keyset than asked for: %v", err)
	}
	g.ServerTime = time.Time{}
	if _, err := c.accept(g, infoOf(t, h, 9)); !errors.Is(err, ErrProtocol) {
		t.Errorf("no time: %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	for name, c := range map[string]struct {
		path, body string
		want       int
	}{
		"no JSON":         {"/v1/challenge", "x", 400},
		"other version":   {"/v1/challenge", `{"version":2}`, 400},
		"unknown field":   {"/v1/challenge", `{"version":1,"x":1}`, 400},
		"duplicate key":   {"/v1/challenge", `{"version":1,"version":1}`, 400},
		"twin":            {"/v1/challenge", `{"version":1}`, 200},
		"large challenge": {"/v1/challenge", `{"version":1}` + strings.Repeat(" ", maxClaims), 413},
		"large release":   {"/v1/release", `{"version":1}` + strings.Repeat(" ", maxRequest), 413},
		"empty release":   {"/v1/release", `{}`, 400},
		"null release":    {"/v1/release", `null`, 400},
		"other path":      {"/v1/keys", `{}`, 404},
	} {
		if status, b := w.post(t, c.path, []byte(c.body)); status != c.want {
			t.Errorf("%s: %d %s", name, status, b)
		}
	}
	resp, err := w.client.HTTP.Get(w.client.URL + "/v1/challenge")
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", resp, err)
	}
	resp, err = w.client.HTTP.Post(w.client.URL+"/v1/challenge", "text/plain", strings.NewReader(`{"version":1}`))
	if err != nil || resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: %v, %v", resp, err)
	}
}

func TestServerConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ServerConfig)
		want   error
	}{
		"complete":    {func(*ServerConfig) {}, nil},
		"zero":        {func(c *ServerConfig) { *c = ServerConfig{} }, ErrConfig},
		"no identity": {func(c *ServerConfig) { c.Identity = nil }, ErrConfig},
		"no verifier": {func(c *ServerConfig) { c.Verify = nil }, ErrConfig},
		"no models":   {func(c *ServerConfig) { c.Models = nil }, ErrConfig},
		"no config":   {func(c *ServerConfig) { c.Models = map[string]Model{"m": {}} }, ErrConfig},
		"no keyset": {func(c *ServerConfig) {
			c.Models = map[string]Model{"m": {InsecureAnyConfig: true, Versions: []Version{{}}}}
		}, seal.ErrKeyset},
		"short key":       {func(c *ServerConfig) { c.ChallengeKey = make([]byte, 31) }, ErrConfig},
		"long lifetime":   {func(c *ServerConfig) { c.Lifetime = MaxLifetime + 1 }, ErrConfig},
		"short lifetime":  {func(c *ServerConfig) { c.Lifetime = time.Millisecond }, ErrConfig},
		"negative amount": {func(c *ServerConfig) { c.Concurrent = -1 }, ErrConfig},
		"P-384": {func(c *ServerConfig) {
			c.Identity, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		}, ErrConfig},
	} {
		w := newWorld(t)
		c.change(&w.config)
		if _, err := NewServer(w.config); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := new(Client).Keyset(t.Context(), seal.Info{}, nil); !errors.Is(err, ErrConfig) {
		t.Errorf("zero client: %v", err)
	}
}

// More releases at once than allowed are asked to come back.
func TestConcurrentLimit(t *testing.T) {
	w := newWorld(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	w.config.Concurrent = 1
	w.config.Verify = func(ctx context.Context, ev []byte, rd [64]byte) error {
		close(entered)
		<-leave
		return w.vendor.verify(ctx, ev, rd)
	}
	s, err := NewServer(w.config)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	w.client.URL, w.client.HTTP = srv.URL, srv.Client()
	done := make(chan error)
	go func() {
		_, err := w.client.Keyset(context.WithoutCancel(t.Context()), w.info, nil)
		done <- err
	}()
	<-entered
	second := &Client{URL: srv.URL, HTTP: srv.Client(), ServerKey: w.client.ServerKey, Attest: w.client.Attest, Config: w.client.Config}
	if _, err := second.Keyset(t.Context(), w.info, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("second release: %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("first release: %v", err)
	}
}

// Neither log nor errors show the keyset, in any of its forms, on the paths of success and refusal.
func TestNoSecretsInLogs(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	var out strings.Builder
	note := func(err error) {
		if err != nil {
			out.WriteString(err.Error())
		}
	}
	_, err := w.client.Keyset(t.Context(), w.info, nil)
	note(err)
	w.client.Config[0]++
	_, err = w.client.Keyset(t.Context(), w.info, nil)
	note(err)
	out.WriteString(w.log.String())
	if !strings.Contains(out.String(), "keyrelease: denied") || !strings.Contains(out.String(), "keyrelease: released") {
		t.Fatalf("audit log is incomplete: %s", w.log)
	}
	var clear bytes.Buffer
	if err := insecurecleartextkeyset.Write(w.v7, keyset.NewJSONWriter(&clear)); err != nil {
		t.Fatal(err)
	}
	var ks struct {
		Key []struct{ KeyData struct{ Value string } }
	}
	if err := json.Unmarshal(clear.Bytes(), &ks); err != nil || len(ks.Key) != 1 {
		t.Fatal(err)
	}
	v := ks.Key[0].KeyData.Value
	for i := 0; i+12 <= len(v); i++ {
		if strings.Contains(out.String(), v[i:i+12]) {
			t.Fatalf("the log shows key bytes: %s", w.log)
		}
	}
}

func FuzzRelease(f *testing.F) {
	v := vendor("v")
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h, err := seal.NewKeyset(4096)
	if err != nil {
		f.Fatal(err)
	}
	s, err := NewServer(ServerConfig{
		Identity: k, Verify: v.verify,
		Models: map[string]Model{"tiny": {InsecureAnyConfig: true, Versions: []Version{{1, h}}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	c := &Client{Attest: v.attest, Config: [32]byte{1}}
	key, _ := hpkeKEM().GenerateKey()
	req, err := c.request(context.Background(), s.hash, s.tokens.issue(time.Now()), key.PublicKey().Bytes(), infoOf(f, h, 1))
	if err != nil {
		f.Fatal(err)
	}
	good, _ := json.Marshal(req)
	f.Add(good)
	f.Add([]byte(`{"version":1,"suite":"x","token":"","key":"","claims":"","evidence":"AA=="}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/v1/release", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var got releaseRequest
		if w.Code == http.StatusOK && (json.Unmarshal(body, &got) != nil || !bytes.Equal(got.Claims, req.Claims) || !bytes.Equal(got.Key, req.Key)) {
			t.Errorf("released for %q", body)
		}
	})
}
