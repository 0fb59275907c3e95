package channel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

func TestRequestsTravelOnBoundConnections(t *testing.T) {
	w := newWorld(t, nil)
	tr := w.transport(t, nil)
	for range 3 {
		resp, body, err := post(t, tr, w.http.URL+"/chat")
		if err != nil || body != "PROMPT" {
			t.Fatalf("%q, %v", body, err)
		}
		st := StatementOf(resp)
		if st == nil || st.Chain != w.chain.ID() || st.KeyHash() != w.chain.Identity().KeyHash() || resp.TLS == nil {
			t.Fatalf("statement %+v", st)
		}
	}
	if n := w.verified.Load(); n != 1 {
		t.Errorf("evidence verified %d times for one pooled connection", n)
	}
	tr.CloseIdleConnections()
	if _, _, err := post(t, tr, w.http.URL+"/chat"); err != nil {
		t.Fatal(err)
	}
	if n := w.verified.Load(); n != 1 {
		t.Errorf("known evidence verified again")
	}
	if n := w.quotes.Load(); n != 1 {
		t.Errorf("%d quotes for one chain", n)
	}
}

func TestRelayIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	url := relay(t, w.http)
	// The relay works: a client without the check gets its answer, through the same certificate.
	plain := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer plain.CloseIdleConnections()
	if _, body, err := post(t, plain, url+"/chat"); err != nil || body != "PROMPT" {
		t.Fatalf("relay: %q, %v", body, err)
	}
	w.refused(t, w.transport(t, nil), url+"/chat", ErrBinding)
	fresh := w.transport(t, func(c *Config) { c.FreshQuotes = true })
	WithFreshQuotes(time.Nanosecond)(w.server)
	w.refused(t, fresh, url+"/chat", ErrBinding)
	if _, _, err := post(t, w.transport(t, nil), w.http.URL+"/chat"); err != nil {
		t.Fatalf("the twin: %v", err)
	}
}

// A TCP proxy that does not end TLS is no relay.
func TestTCPProxyIsAccepted(t *testing.T) {
	w := newWorld(t, nil)
	tr := w.transport(t, func(c *Config) {
		c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, w.http.Listener.Addr().String())
		}
	})
	resp, _, err := post(t, tr, "https://model.example/chat")
	if err != nil || resp.TLS.ServerName != "model.example" {
		t.Fatal(err)
	}
}

func TestPolicyDecidesBeforeTheFirstByte(t *testing.T) {
	w := newWorld(t, nil)
	w.policy.Configs = []attest.Digest{{8}}
	w.refused(t, w.transport(t, nil), w.http.URL+"/chat", attest.ErrPolicy)
	w.policy.Configs = []attest.Digest{{7}}
	w.policy.InsecureAcceptSimulated = false
	w.refused(t, w.transport(t, nil), w.http.URL+"/chat", attest.ErrPolicy)
}

func TestTLSVersionAndScheme(t *testing.T) {
	w := newWorld(t, nil)
	w.refused(t, w.transport(t, nil), strings.Replace(w.http.URL, "https", "http", 1)+"/chat", ErrProtocol)
	// A server of TLS 1.2 gets no handshake, and ours refuses the exchange there.
	old := httptest.NewUnstartedServer(w.http.Config.Handler)
	old.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	old.StartTLS()
	defer old.Close()
	before := w.prompts.Load()
	if _, _, err := post(t, w.transport(t, nil), old.URL+"/chat"); err == nil || w.prompts.Load() != before {
		t.Error("TLS 1.2 accepted")
	}
	resp, err := old.Client().Post(old.URL+PathChannel, "", strings.NewReader(`{"nonce":"`+strings.Repeat("ab", 32)+`"}`))
	if err != nil || resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestCertificateInClaims(t *testing.T) {
	w := newWorld(t, nil)
	spki := attest.Digest(sha256.Sum256(w.http.Certificate().RawSubjectPublicKeyInfo))
	w.server.Swap(w.newChain(t, func(c *attest.Claims) { c.TLSSPKI = &spki }))
	if _, _, err := post(t, w.transport(t, nil), w.http.URL+"/chat"); err != nil {
		t.Fatalf("the twin: %v", err)
	}
	w.server.Swap(w.newChain(t, func(c *attest.Claims) { c.TLSSPKI = &attest.Digest{1} }))
	w.refused(t, w.transport(t, nil), w.http.URL+"/chat", ErrBinding)
}

func TestReloadShowsOnTheNextConnection(t *testing.T) {
	w := newWorld(t, nil)
	tr := w.transport(t, nil)
	if _, _, err := post(t, tr, w.http.URL+"/chat"); err != nil {
		t.Fatal(err)
	}
	cl := w.claims()
	cl.GuardPolicy = &attest.Digest{9}
	if err := w.chain.Next(cl); err != nil {
		t.Fatal(err)
	}
	tr.CloseIdleConnections()
	resp, _, err := post(t, tr, w.http.URL+"/chat")
	if err != nil || StatementOf(resp).Claims.Epoch != 1 {
		t.Fatalf("%v", err)
	}
	cl.Config = attest.Digest{8} // not in the policy
	if err := w.chain.Next(cl); err != nil {
		t.Fatal(err)
	}
	tr.CloseIdleConnections()
	w.refused(t, tr, w.http.URL+"/chat", attest.ErrPolicy)
}

func TestFreshQuotesAreRationed(t *testing.T) {
	w := newWorld(t, nil)
	fresh := func() *Transport { return w.transport(t, func(c *Config) { c.FreshQuotes = true }) }
	w.refused(t, fresh(), w.http.URL+"/chat", ErrProtocol) // not offered
	WithFreshQuotes(time.Hour)(w.server)
	resp, _, err := post(t, fresh(), w.http.URL+"/chat")
	if err != nil || !StatementOf(resp).Fresh {
		t.Fatalf("%v", err)
	}
	w.refused(t, fresh(), w.http.URL+"/chat", ErrProtocol)
	if n := w.quotes.Load(); n != 2 {
		t.Errorf("%d quotes, want 2", n)
	}
}

// Hostile servers: each answers the exchange with something else; no prompt is ever sent.
func TestHostileAnswers(t *testing.T) {
	w := newWorld(t, nil)
	other := newWorld(t, func(c *attest.Claims) { c.GuardPolicy = &attest.Digest{5} })
	for name, c := range map[string]struct {
		h    func(rw http.ResponseWriter, r *http.Request)
		want error
	}{
		"not found": {http.NotFound, ErrProtocol},
		"redirect": {func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/chat", http.StatusTemporaryRedirect)
		}, ErrProtocol},
		"empty":   {func(rw http.ResponseWriter, r *http.Request) {}, ErrProtocol},
		"endless": {func(rw http.ResponseWriter, r *http.Request) { _, _ = rw.Write(make([]byte, 1<<20)) }, ErrProtocol},
		"another TEE's channel, our evidence": {func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == PathEvidence {
				w.server.ServeHTTP(rw, r)
				return
			}
			// K of another chain that claims our epoch.
			rec := httptest.NewRecorder()
			other.server.ServeHTTP(rec, r)
			_, theirs := other.chain.Current()
			_, ours := w.chain.Current()
			_, _ = rw.Write(bytes.Replace(rec.Body.Bytes(), []byte(attest.Digest(theirs).String()), []byte(attest.Digest(ours).String()), 1))
		}, ErrBinding},
		"another epoch each time": {func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == PathEvidence {
				w.server.ServeHTTP(rw, r)
				return
			}
			other.server.ServeHTTP(rw, r)
		}, ErrProtocol},
		"hanging": {func(rw http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/chat" {
					w.prompts.Add(1)
				}
				c.h(rw, r)
			}))
			defer s.Close()
			tr := w.transport(t, func(cfg *Config) {
				if c.want == nil {
					cfg.Timeout = 300 * time.Millisecond
				}
			})
			if c.want == nil {
				if _, _, err := post(t, tr, s.URL+"/chat"); err == nil || w.prompts.Load() != 0 {
					t.Fatalf("got %v", err)
				}
				return
			}
			w.refused(t, tr, s.URL+"/chat", c.want)
		})
	}
}

func TestServerRefusesBadRequests(t *testing.T) {
	w := newWorld(t, nil)
	c := w.http.Client()
	for _, x := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", PathChannel, ``, 400}, {"POST", PathChannel, `{}`, 400}, {"POST", PathChannel, `{"nonce":"00"}`, 400},
		{"POST", PathChannel, `{"nonce":"` + strings.Repeat("AB", 32) + `"}`, 400},
		{"POST", PathChannel, `{"nonce":"` + strings.Repeat("ab", 32) + `"}{}`, 400},
		{"POST", PathChannel, strings.Repeat(" ", maxExchange+1), 400},
		{"POST", PathChannel, `{"nonce":"` + strings.Repeat("ab", 32) + `"}`, 200},
		{"GET", PathChannel, ``, 405}, {"POST", PathEvidence, ``, 405}, {"GET", "/.well-known/holdfast/x", ``, 404},
		{"GET", PathEvidence, ``, 200}, {"GET", PathEvidence + "?challenge=00", ``, 400},
		{"GET", PathEvidence + "?challenge=" + strings.Repeat("ab", 32), ``, 429},
	} {
		req, err := http.NewRequestWithContext(t.Context(), x.method, w.http.URL+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != x.want {
			t.Errorf("%s %s: %d, want %d", x.method, x.path, resp.StatusCode, x.want)
		}
	}
}

func TestEvidenceHasAnETag(t *testing.T) {
	w := newWorld(t, nil)
	get := func(tag string) *http.Response {
		req := httptest.NewRequest(http.MethodGet, PathEvidence, nil)
		req.Header.Set("If-None-Match", tag)
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(rec, req)
		return rec.Result()
	}
	tag := get("").Header.Get("ETag")
	if s := get(tag).StatusCode; s != http.StatusNotModified {
		t.Errorf("same document: %d", s)
	}
	if err := w.chain.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := get(tag).StatusCode; s != http.StatusOK {
		t.Errorf("new document: %d", s)
	}
}
