package caller_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/caller"
)

// Ids are of few characters, so that they are safe to log, and of few bytes.
func TestIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"": false, "a": true, "azAZ09-.": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
		"a_b": false, "`": false, "{": false, "@": false, "[": false, "/": false, ":": false, "é": false, "a b": false, "\n": false,
	} {
		if _, _, err := caller.NewKey(id, ""); (err == nil) != ok || err != nil && !errors.Is(err, caller.ErrKeys) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A set holds no more than its bound, and a file is read as strictly as all that decides.
func TestSetsAreBounded(t *testing.T) {
	if _, err := caller.NewKeys(make([]caller.Key, 100_001), nil); !errors.Is(err, caller.ErrKeys) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too many: %v", err)
	}
	for _, file := range []string{"", "{", `{"version":1,"version":1,"keys":[]}`, `{"version":1,"keys":[]} x`, `{"Version":1,"keys":[]}`} {
		if _, err := caller.ParseKeys([]byte(file)); !errors.Is(err, caller.ErrKeys) {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, hash := range []string{strings.Repeat("zz", 32), strings.Repeat("0", 63), strings.Repeat("0", 62) + "zz", ""} {
		if _, err := caller.NewKeys([]caller.Key{{ID: "a", SHA256: hash}}, nil); !errors.Is(err, caller.ErrKeys) {
			t.Errorf("hash %q: %v", hash, err)
		}
	}
	// A set without a clock has that of the system.
	text, k := newKey(t, "a")
	keys, err := caller.NewKeys([]caller.Key{k}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := keys.Authenticate(&http.Request{Header: http.Header{"Api-Key": {text}}}); err != nil || id.ID != "a" {
		t.Errorf("%v, %v", id, err)
	}
	if id, err := keys.Authenticate(&http.Request{}); !errors.Is(err, caller.ErrUnknown) || id != (caller.Identity{}) {
		t.Errorf("no credential: %v, %v", id, err)
	}
}

// The second way of telling who calls is tried where the first does not know; a fault and an identity of no name end the
// search.
func TestAuthenticatorsInTurn(t *testing.T) {
	known := func(id caller.Identity, err error) caller.Authenticator {
		return func(*http.Request) (caller.Identity, error) { return id, err }
	}
	stranger, good := known(caller.Identity{}, caller.ErrUnknown), known(caller.Identity{ID: "a"}, nil)
	for name, c := range map[string]struct {
		ways []caller.Authenticator
		ok   bool
	}{
		"first":          {[]caller.Authenticator{good}, true},
		"second":         {[]caller.Authenticator{stranger, good}, true},
		"none knows":     {[]caller.Authenticator{stranger, stranger}, false},
		"fault":          {[]caller.Authenticator{known(caller.Identity{ID: "x"}, errors.New("fault")), good}, false},
		"nobody":         {[]caller.Authenticator{known(caller.Identity{Tenant: "red"}, nil), good}, false},
		"no way to tell": {nil, false},
	} {
		var up seen
		rec := httptest.NewRecorder()
		caller.Handler(&up, c.ways...).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if c.ok != (up.calls == 1) || c.ok != (rec.Code == http.StatusOK) || c.ok && up.id.ID != "a" {
			t.Errorf("%s: %d, %d calls, %v", name, rec.Code, up.calls, up.id)
		}
		if !c.ok && (rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("Www-Authenticate") != "Bearer" || rec.Header().Get("Content-Type") != "application/json") {
			t.Errorf("%s: %v", name, rec.Header())
		}
	}
}

// Only what a finished handshake has verified counts, and a certificate of no listed name is nobody's.
func TestUnverifiedCertificates(t *testing.T) {
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "a"}, DNSNames: []string{"A.example"}}
	verified := [][]*x509.Certificate{{leaf}}
	certs := caller.Certificates{Subjects: map[string]string{"cn:a": "red", "cn:": "red", "dns:a.example": "red"}}
	for name, c := range map[string]struct {
		subjects []string
		state    *tls.ConnectionState
		ok       bool
	}{
		"verified":             {[]string{"cn:a"}, &tls.ConnectionState{HandshakeComplete: true, VerifiedChains: verified}, true},
		"one name, twice over": {[]string{"dns:a.example"}, &tls.ConnectionState{HandshakeComplete: true, VerifiedChains: [][]*x509.Certificate{{{DNSNames: []string{"a.example", "A.example"}}}}}, true},
		"two names":            {[]string{"cn:a", "dns:a.example"}, &tls.ConnectionState{HandshakeComplete: true, VerifiedChains: verified}, false},
		"no TLS":               {[]string{"cn:a"}, nil, false},
		"no handshake":         {[]string{"cn:a"}, &tls.ConnectionState{VerifiedChains: verified}, false},
		"not verified":         {[]string{"cn:a"}, &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: verified[0]}, false},
		"empty chain":          {[]string{"cn:a"}, &tls.ConnectionState{HandshakeComplete: true, VerifiedChains: [][]*x509.Certificate{{}}}, false},
		"no name":              {[]string{"cn:"}, &tls.ConnectionState{HandshakeComplete: true, VerifiedChains: [][]*x509.Certificate{{{}}}}, false},
		"a name not listed":    {[]string{"cn:b"}, &tls.ConnectionState{HandshakeComplete: true, VerifiedChains: verified}, false},
	} {
		certs.Subjects = map[string]string{}
		for _, s := range c.subjects {
			certs.Subjects[s] = "red"
		}
		id, err := certs.Authenticate(&http.Request{TLS: c.state})
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, caller.ErrUnknown) || id != (caller.Identity{})) || c.ok && id != (caller.Identity{ID: c.subjects[0], Tenant: "red"}) {
			t.Errorf("%s: %v, %v", name, id, err)
		}
	}
}
