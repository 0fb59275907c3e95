package keyrelease

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

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
		{"other measurement", func(_ *testing.T, w *world) {
			w.config.Models["tiny"].Require["measurement"] = []string{"bb"}
		}, code(CodeMachine)},
		{"claim that the machine lacks", func(_ *testing.T, w *world) {
			w.config.Models["tiny"].Require["product"] = []string{""}
		}, code(CodeMachine)},
		{"verifier says nothing", func(_ *testing.T, w *world) {
			w.config.Verify = func(context.Context, []byte, [64]byte) (Machine, error) { return Machine{}, nil }
		}, code(CodeEvidence)},
		{"guest without a deny list", func(_ *testing.T, w *world) { w.client.DenyList = nil }, floor(FloorDenyList)},
		{"guest with an older deny list", func(_ *testing.T, w *world) {
			w.client.DenyList = &DenyList{Number: 2, Digest: w.config.DenyList.Digest}
		}, floor(FloorDenyList)},
		{"guest with another list of that number", func(_ *testing.T, w *world) {
			w.client.DenyList = &DenyList{Number: 3}
		}, floor(FloorDenyList)},
		{"guest with a newer deny list", func(_ *testing.T, w *world) { w.client.DenyList = &DenyList{Number: 4} }, nil},
		{"guest with older rules", func(_ *testing.T, w *world) { w.client.RulesVersion = 10 }, floor(FloorRules)},
		{"guest with newer rules", func(_ *testing.T, w *world) { w.client.RulesVersion = 12 }, nil},
		{"server without floors", func(_ *testing.T, w *world) {
			w.config.DenyList, w.config.RulesMinVersion = nil, 0
			w.client.DenyList, w.client.RulesVersion = nil, 0
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
			w.config.Verify = func(context.Context, []byte, [64]byte) (Machine, error) { return Machine{}, ErrUnavailable }
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
	// A deny list never goes away, sinks or changes under its number.
	g.DenyList = &denyList{Number: 5, Digest: strings.Repeat("ab", 32)}
	c.DenyList = &DenyList{Number: 6}
	if _, err := c.accept(g, infoOf(t, h, 8)); err != nil {
		t.Errorf("newer deny list: %v", err)
	}
	for name, d := range map[string]*denyList{"gone": nil, "lower": {Number: 4, Digest: strings.Repeat("cd", 32)}} {
		g.DenyList, c.DenyList = d, &DenyList{Number: 4}
		if _, err := c.accept(g, infoOf(t, h, 8)); !floor(FloorDenyList)(err) {
			t.Errorf("deny list %s: %v", name, err)
		}
	}
	g.DenyList = &denyList{Number: 5, Digest: strings.Repeat("cd", 32)}
	if _, err := c.accept(g, infoOf(t, h, 8)); !errors.Is(err, ErrProtocol) {
		t.Errorf("two lists of one number: %v", err)
	}
	g.DenyList, c.DenyList = nil, &DenyList{Number: 6}
	if f, _ := c.Floors(); f.ServerTime != time.Unix(100, 0) || f.MinVersion != 8 || f.DenyList == nil || f.DenyList.Number != 5 {
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
		}, ErrConfig},
		"half a rate": {func(c *ServerConfig) { c.PerAddress = Rate{Burst: 1} }, ErrConfig},
		"no burst":    {func(c *ServerConfig) { c.PerMachine = Rate{Every: 1} }, ErrConfig},
		"nothing accepted": {func(c *ServerConfig) {
			c.Models = map[string]Model{"m": {InsecureAnyConfig: true, Require: map[string][]string{"measurement": nil}}}
		}, ErrConfig},
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
	w.config.Verify = func(ctx context.Context, ev []byte, rd [64]byte) (Machine, error) {
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
	w, j := newWorld(t), &memory{}
	w.config.Journal = j
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
	lines, err := json.Marshal(j.all)
	note(err)
	out.Write(lines)
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
		Models: map[string]Model{"tiny": {InsecureAnyConfig: true, Versions: []Version{{Version: 1, Keyset: h}}}},
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

// Whatever answers the guest, with whatever status: without the pinned server's signature there is no keyset.
func FuzzClient(f *testing.F) {
	f.Add(200, []byte(`{"version":1,"token":"","signature":""}`), []byte(`{"version":1,"sealed":"","signature":""}`))
	f.Add(403, []byte(`{"error":"evidence"}`), []byte(`{}`))
	f.Add(200, []byte(`{"version":1,"token":"AA==","signature":"MAYCAQECAQE="}`), []byte(nil))
	w := newWorld(f)
	w.config.PerAddress = Rate{Every: time.Nanosecond, Burst: 1 << 30}
	server, err := NewServer(w.config)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, challenge, release []byte) {
		answer := answers(func(r *http.Request) *http.Response {
			rec := httptest.NewRecorder()
			switch {
			case strings.HasSuffix(r.URL.Path, "/release"):
				rec.WriteHeader(min(max(status, 200), 599))
				rec.Write(release)
			case len(challenge) == 0: // a genuine one, so that the second answer is read
				server.ServeHTTP(rec, r)
			default:
				rec.WriteHeader(min(max(status, 200), 599))
				rec.Write(challenge)
			}
			return rec.Result()
		})
		c := &Client{URL: "http://server", HTTP: &http.Client{Transport: answer}, ServerKey: w.client.ServerKey, Attest: w.client.Attest, Config: w.client.Config}
		if h, err := c.Keyset(t.Context(), w.info, nil); err == nil || h != nil {
			t.Error("a keyset of nobody")
		}
		if _, released := c.Floors(); released {
			t.Error("floors of nobody")
		}
	})
}

// answers is a function as a transport.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r), nil }
