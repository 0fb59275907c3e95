package keyrelease

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
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
		"short key":      {func(c *ServerConfig) { c.ChallengeKey = make([]byte, 31) }, ErrConfig},
		"long lifetime":  {func(c *ServerConfig) { c.Lifetime = MaxLifetime + 1 }, ErrConfig},
		"short lifetime": {func(c *ServerConfig) { c.Lifetime = time.Millisecond }, ErrConfig},
		"two versions of one keyset": {func(c *ServerConfig) {
			m := c.Models["tiny"]
			m.Versions = append(m.Versions, Version{Version: 8, Keyset: m.Versions[0].Keyset})
			c.Models = map[string]Model{"tiny": m}
		}, ErrConfig},
		"unnamed claim": {func(c *ServerConfig) {
			c.Models = map[string]Model{"m": {InsecureAnyConfig: true, Require: map[string][]string{"": {"x"}}}}
		}, ErrConfig},
		"longest lifetime":  {func(c *ServerConfig) { c.Lifetime = MaxLifetime }, nil},
		"shortest lifetime": {func(c *ServerConfig) { c.Lifetime = time.Second }, nil},
		"negative amount":   {func(c *ServerConfig) { c.Concurrent = -1 }, ErrConfig},
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

// answers is a function as a transport.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r), nil }
