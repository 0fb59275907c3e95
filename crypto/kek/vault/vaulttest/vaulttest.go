// Package vaulttest is a transit engine in process, for tests of programs that wrap keysets with package vault. It speaks the
// two calls that Tink's integration makes, with AES-256-GCM, and records what came over the wire. It keeps no secret from anyone.
package vaulttest

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

// Token is the one that the server accepts.
const Token = "s.canary-token"

// A Server is a transit engine at the mount "transit", with the keys "models" and "others". Safe for concurrent use.
type Server struct {
	*httptest.Server
	keys map[string]cipher.AEAD

	mu       sync.Mutex
	calls    []Call
	faults   Faults
	throttle int
}

// Faults are what is wrong with a server. The zero value is a good one.
type Faults struct {
	Throttle   int    // requests that get status 429 before the next is served
	RetryAfter string // header of those answers
	// IgnoreAssociatedData is what servers do that do not know the parameter.
	IgnoreAssociatedData bool
	// Reply, if not nil, may answer in the engine's place, and says whether it did. op is "encrypt" or "decrypt".
	Reply func(op string, w http.ResponseWriter) bool
}

// A Call is one request that reached the server.
type Call struct {
	Path   string
	Header http.Header
	Body   map[string]string // as sent: byte strings in base64
}

// AssociatedData decodes the parameter of that name; nil where it is none.
func (c Call) AssociatedData() []byte { return decode(c.Body["associated_data"]) }

// New starts a server with TLS; its Client trusts it. It ends with the test.
func New(t testing.TB) *Server { return start(t, (*httptest.Server).StartTLS) }

// NewPlain starts a server without TLS, on loopback.
func NewPlain(t testing.TB) *Server { return start(t, (*httptest.Server).Start) }

func start(t testing.TB, how func(*httptest.Server)) *Server {
	t.Helper()
	s := &Server{keys: map[string]cipher.AEAD{}}
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
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	how(s.Server)
	t.Cleanup(s.Close)
	return s
}

// Set makes the faults of the server these.
func (s *Server) Set(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.throttle = f, f.Throttle
}

// Took returns the calls since the last time.
func (s *Server) Took() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.calls
	s.calls = nil
	return out
}

// Fail writes an error in the engine's form.
func Fail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]string{"errors": {text}})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Call{Path: r.URL.Path, Header: r.Header}
	if err := json.NewDecoder(r.Body).Decode(&c.Body); err != nil {
		Fail(w, http.StatusBadRequest, "no JSON")
		return
	}
	s.calls = append(s.calls, c)
	if s.throttle > 0 {
		s.throttle--
		w.Header().Set("Retry-After", s.faults.RetryAfter)
		Fail(w, http.StatusTooManyRequests, "slow down")
		return
	}
	if r.Header.Get("X-Vault-Token") != Token {
		Fail(w, http.StatusForbidden, "permission denied")
		return
	}
	op, name, _ := strings.Cut(strings.TrimPrefix(c.Path, "/v1/transit/"), "/")
	if s.faults.Reply != nil && s.faults.Reply(op, w) {
		return
	}
	key, ok := s.keys[name]
	if !ok {
		Fail(w, http.StatusBadRequest, "encryption key not found")
		return
	}
	s.transit(w, op, key, c)
}

func (s *Server) transit(w http.ResponseWriter, op string, key cipher.AEAD, c Call) {
	ad := c.AssociatedData()
	if s.faults.IgnoreAssociatedData {
		ad = nil
	}
	answer := func(field, value string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "1", "data": map[string]string{field: value}})
	}
	switch op {
	case "encrypt":
		answer("ciphertext", "vault:v1:"+base64.StdEncoding.EncodeToString(key.Seal(nil, nil, decode(c.Body["plaintext"]), ad)))
	case "decrypt":
		pt, err := key.Open(nil, nil, decode(strings.TrimPrefix(c.Body["ciphertext"], "vault:v1:")), ad)
		if err != nil {
			Fail(w, http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		answer("plaintext", base64.StdEncoding.EncodeToString(pt))
	default:
		Fail(w, http.StatusNotFound, "no handler for route")
	}
}

func decode(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return bytes.Clone(b)
}
