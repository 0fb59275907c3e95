package keyrelease

import (
	"bytes"
	"context"
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
