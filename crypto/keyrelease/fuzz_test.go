package keyrelease

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

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
