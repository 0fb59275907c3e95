package caller_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard/caller"
)

// seen is an upstream that notes what reaches it.
type seen struct {
	calls int
	id    caller.Identity
	head  http.Header
}

func (s *seen) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	s.calls++
	s.id, _ = caller.FromContext(r.Context())
	s.head = r.Header
}

func newKey(t *testing.T, id string) (string, caller.Key) {
	t.Helper()
	text, k, err := caller.NewKey(id, "red")
	if err != nil {
		t.Fatal(err)
	}
	return text, k
}

func ask(h http.Handler, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}"))
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestKeysTellWhoCalls(t *testing.T) {
	text, k := newKey(t, "team-1")
	other, k2 := newKey(t, "team-2")
	file, err := json.Marshal(map[string]any{"version": 1, "keys": []caller.Key{k, k2}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(file), text[len("hfk_team-1_"):]) {
		t.Fatal("the secret is at rest")
	}
	keys, err := caller.ParseKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	var up seen
	h := caller.Handler(&up, keys.Authenticate)
	for name, header := range map[string]http.Header{
		"bearer":    {"Authorization": {"Bearer " + text}},
		"lower":     {"Authorization": {"bearer " + text}},
		"anthropic": {"X-Api-Key": {text}},
		"azure":     {"Api-Key": {text}},
	} {
		up = seen{}
		if w := ask(h, header); w.Code != http.StatusOK || up.calls != 1 || up.id != (caller.Identity{ID: "team-1", Tenant: "red"}) {
			t.Errorf("%s: %d %+v", name, w.Code, up)
		}
		if fmt.Sprint(up.head) != "map[]" {
			t.Errorf("%s: the key reached the upstream: %d headers", name, len(up.head))
		}
	}
	flip := func(s string, i int) string {
		b := []byte(s)
		b[i] ^= 1
		return string(b)
	}
	for name, header := range map[string]http.Header{
		"none":           {},
		"empty":          {"Authorization": {""}},
		"basic":          {"Authorization": {"Basic " + text}},
		"unknown":        {"Authorization": {"Bearer hfk_team-9_" + text[len("hfk_team-1_"):]}},
		"other's secret": {"Authorization": {"Bearer hfk_team-1_" + other[len("hfk_team-2_"):]}},
		"one bit":        {"Authorization": {"Bearer " + flip(text, len(text)-2)}},
		"cut":            {"Authorization": {"Bearer " + text[:len(text)-1]}},
		"longer":         {"Authorization": {"Bearer " + text + "A"}},
		"the hash":       {"Authorization": {"Bearer " + k.SHA256}},
		"huge":           {"Authorization": {"Bearer " + strings.Repeat("a", 1<<20)}},
		"two values":     {"Authorization": {"Bearer " + text, "Bearer " + other}},
		"two headers":    {"Authorization": {"Bearer " + text}, "X-Api-Key": {other}},
		"twice the same": {"Authorization": {"Bearer " + text}, "X-Api-Key": {text}},
	} {
		up = seen{}
		w := ask(h, header)
		if w.Code != http.StatusUnauthorized || up.calls != 0 || !strings.Contains(w.Body.String(), "authentication_error") {
			t.Errorf("%s: %d, %d calls", name, w.Code, up.calls)
		}
	}
}

func TestKeysEnd(t *testing.T) {
	text, k := newKey(t, "a")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*caller.Key)
		ok     bool
	}{
		"never expires": {func(*caller.Key) {}, true},
		"tomorrow":      {func(k *caller.Key) { k.Expires = now.Add(time.Second) }, true},
		"now":           {func(k *caller.Key) { k.Expires = now }, false},
		"disabled":      {func(k *caller.Key) { k.Disabled = true }, false},
	} {
		x := k
		c.change(&x)
		keys, err := caller.NewKeys([]caller.Key{x}, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Api-Key", text)
		if _, err := keys.Authenticate(r); (err == nil) != c.ok || err != nil && !errors.Is(err, caller.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFilesOfKeysAreChecked(t *testing.T) {
	_, k := newKey(t, "a")
	if _, _, err := caller.NewKey("a_b", ""); !errors.Is(err, caller.ErrKeys) {
		t.Error(err)
	}
	for name, file := range map[string]string{
		"version":     `{"version":2,"keys":[]}`,
		"unknown key": `{"version":1,"keys":[],"admin":true}`,
		"same id":     `{"version":1,"keys":[{"id":"a","sha256":"` + k.SHA256 + `"},{"id":"a","sha256":"` + k.SHA256 + `"}]}`,
		"no hash":     `{"version":1,"keys":[{"id":"a"}]}`,
		"short hash":  `{"version":1,"keys":[{"id":"a","sha256":"` + k.SHA256[2:] + `"}]}`,
		"long hash":   `{"version":1,"keys":[{"id":"a","sha256":"` + k.SHA256 + `00"}]}`,
		"upper hash":  `{"version":1,"keys":[{"id":"a","sha256":"A` + k.SHA256[1:] + `"}]}`,
		"id":          `{"version":1,"keys":[{"id":"a_b","sha256":"` + k.SHA256 + `"}]}`,
		"plain key":   `{"version":1,"keys":[{"id":"a","key":"hfk_a_secret"}]}`,
	} {
		if _, err := caller.ParseKeys([]byte(file)); !errors.Is(err, caller.ErrKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNobodyIsLetInByDefault(t *testing.T) {
	var up seen
	none, err := caller.NewKeys(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	fault := func(*http.Request) (caller.Identity, error) {
		return caller.Identity{ID: "x"}, errors.New("directory is down")
	}
	nobody := func(*http.Request) (caller.Identity, error) { return caller.Identity{}, nil }
	for name, h := range map[string]http.Handler{
		"no authenticator": caller.Handler(&up),
		"no keys":          caller.Handler(&up, none.Authenticate),
		"fault":            caller.Handler(&up, fault),
		"no name":          caller.Handler(&up, nobody),
	} {
		if w := ask(h, http.Header{"Authorization": {"Bearer hfk__"}}); w.Code != http.StatusUnauthorized || up.calls != 0 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestCertificates(t *testing.T) {
	pool, issue := authority(t)
	var up seen
	certs := caller.Certificates{Subjects: map[string]string{"uri:spiffe://prod/chat": "red", "cn:batch": "blue", "dns:api.example": "green"}}
	srv := httptest.NewUnstartedServer(caller.Handler(&up, certs.Authenticate))
	srv.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, MinVersion: tls.VersionTLS13}
	srv.StartTLS()
	defer srv.Close()
	spiffe := &url.URL{Scheme: "spiffe", Host: "prod", Path: "/chat"}
	for name, c := range map[string]struct {
		leaf *x509.Certificate
		want caller.Identity
	}{
		"uri":     {&x509.Certificate{URIs: []*url.URL{spiffe}}, caller.Identity{ID: "uri:spiffe://prod/chat", Tenant: "red"}},
		"cn":      {&x509.Certificate{Subject: pkix.Name{CommonName: "batch"}}, caller.Identity{ID: "cn:batch", Tenant: "blue"}},
		"dns":     {&x509.Certificate{DNSNames: []string{"API.example"}}, caller.Identity{ID: "dns:api.example", Tenant: "green"}},
		"unknown": {&x509.Certificate{Subject: pkix.Name{CommonName: "batch2"}}, caller.Identity{}},
		"as dns":  {&x509.Certificate{DNSNames: []string{"batch"}}, caller.Identity{}},
		"two":     {&x509.Certificate{URIs: []*url.URL{spiffe}, Subject: pkix.Name{CommonName: "batch"}}, caller.Identity{}},
		"none":    {nil, caller.Identity{}},
	} {
		up = seen{}
		tr := srv.Client().Transport.(*http.Transport).Clone()
		if c.leaf != nil {
			tr.TLSClientConfig.Certificates = []tls.Certificate{issue(c.leaf)}
		}
		resp, err := (&http.Client{Transport: tr}).Get(srv.URL)
		tr.CloseIdleConnections()
		if err != nil {
			t.Fatal(name, err)
		}
		resp.Body.Close()
		if up.id != c.want || (resp.StatusCode == http.StatusOK) != (c.want.ID != "") {
			t.Errorf("%s: %d %+v", name, resp.StatusCode, up.id)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil) // presented, and not verified
	r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "batch"}}}}
	if _, err := certs.Authenticate(r); !errors.Is(err, caller.ErrUnknown) {
		t.Error(err)
	}
}

// authority makes a certificate authority for clients.
func authority(t *testing.T) (*x509.CertPool, func(*x509.Certificate) tls.Certificate) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	fill := func(c *x509.Certificate) {
		c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	rootKey := key()
	root := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "root"}}
	fill(root)
	der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return pool, func(leaf *x509.Certificate) tls.Certificate {
		k := key()
		fill(leaf)
		leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		der, err := x509.CreateCertificate(rand.Reader, leaf, root, k.Public(), rootKey)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
	}
}
