package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// transit is a transit engine in process: AES-256-GCM keys by name, one token, and a record of what came over the wire.
type transit struct {
	t     *testing.T
	srv   *httptest.Server
	keys  map[string]cipher.AEAD
	token string

	mu       sync.Mutex
	calls    []call
	throttle int    // requests answered with 429 before the next is served
	after    string // Retry-After of those
	ignoreAD bool   // as servers do that do not know associated_data
	reply    func(op string, w http.ResponseWriter) bool
}

// call is one request that reached the engine.
type call struct {
	path, token, namespace string
	header                 http.Header
	body                   map[string]string
}

func newTransit(t *testing.T, tls bool) *transit {
	s := &transit{t: t, token: "s.canary-token", keys: map[string]cipher.AEAD{}}
	for _, name := range []string{"models", "others"} {
		key := make([]byte, 32)
		rand.Read(key)
		b, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		if s.keys[name], err = cipher.NewGCMWithRandomNonce(b); err != nil {
			t.Fatal(err)
		}
	}
	s.srv = httptest.NewUnstartedServer(s)
	s.srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	if tls {
		s.srv.StartTLS()
	} else {
		s.srv.Start()
	}
	t.Cleanup(s.srv.Close)
	return s
}

func fail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]string{"errors": {text}})
}

func (s *transit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := call{path: r.URL.Path, token: r.Header.Get("X-Vault-Token"), namespace: r.Header.Get("X-Vault-Namespace"), header: r.Header}
	if err := json.NewDecoder(r.Body).Decode(&c.body); err != nil {
		fail(w, http.StatusBadRequest, "no JSON")
		return
	}
	s.calls = append(s.calls, c)
	if s.throttle > 0 {
		s.throttle--
		w.Header().Set("Retry-After", s.after)
		fail(w, http.StatusTooManyRequests, "slow down")
		return
	}
	if c.token != s.token {
		fail(w, http.StatusForbidden, "permission denied")
		return
	}
	op, name, _ := strings.Cut(strings.TrimPrefix(c.path, "/v1/transit/"), "/")
	if s.reply != nil && s.reply(op, w) {
		return
	}
	key, ok := s.keys[name]
	if !ok {
		fail(w, http.StatusBadRequest, "encryption key not found")
		return
	}
	ad := decode64(s.t, c.body["associated_data"])
	if s.ignoreAD {
		ad = nil
	}
	switch op {
	case "encrypt":
		ct := key.Seal(nil, nil, decode64(s.t, c.body["plaintext"]), ad)
		s.answer(w, "ciphertext", "vault:v1:"+base64.StdEncoding.EncodeToString(ct))
	case "decrypt":
		pt, err := key.Open(nil, nil, decode64(s.t, strings.TrimPrefix(c.body["ciphertext"], "vault:v1:")), ad)
		if err != nil {
			fail(w, http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		s.answer(w, "plaintext", base64.StdEncoding.EncodeToString(pt))
	default:
		fail(w, http.StatusNotFound, "no handler for route")
	}
}

func (s *transit) answer(w http.ResponseWriter, field, value string) {
	_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "1", "data": map[string]string{field: value}})
}

func decode64(t *testing.T, s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Errorf("%q is no base64", s)
	}
	return b
}

// took returns the calls since the last time.
func (s *transit) took() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.calls
	s.calls = nil
	return out
}

func (c call) ad(t *testing.T) []byte { return bytes.Clone(decode64(t, c.body["associated_data"])) }
