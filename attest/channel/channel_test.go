package channel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
)

// world is a serving TEE and a client's policy for it.
type world struct {
	vendor   *attesttest.Vendor
	chain    *attest.Chain
	server   *Server
	http     *httptest.Server
	policy   attest.Policy
	prompts  atomic.Int64 // requests that reached the engine
	quotes   atomic.Int64
	verified atomic.Int64
}

type counted struct {
	attest.Device
	n *atomic.Int64
}

func (c counted) Evidence(ctx context.Context, rd [64]byte) (attest.Evidence, error) {
	c.n.Add(1)
	return c.Device.Evidence(ctx, rd)
}

func newWorld(t *testing.T, claims func(*attest.Claims), opts ...Option) *world {
	t.Helper()
	w := &world{}
	var err error
	if w.vendor, err = attesttest.NewVendor(); err != nil {
		t.Fatal(err)
	}
	w.policy = attest.Policy{
		Verifiers: []attest.Verifier{w.vendor.Verifier(attesttest.Options{}.Policy())},
		Configs:   []attest.Digest{{7}}, Models: []attest.ModelPolicy{{Name: "m", MinVersion: 1}}, InsecureAcceptSimulated: true,
	}
	w.http = httptest.NewUnstartedServer(nil)
	w.http.EnableHTTP2 = true
	w.http.StartTLS()
	t.Cleanup(w.http.Close)
	w.chain = w.newChain(t, claims)
	if w.server, err = NewServer(w.chain, opts...); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/.well-known/holdfast/", w.server)
	mux.HandleFunc("/chat", func(rw http.ResponseWriter, r *http.Request) {
		w.prompts.Add(1)
		b, _ := io.ReadAll(r.Body)
		_, _ = rw.Write(bytes.ToUpper(b))
	})
	w.http.Config.Handler = mux
	return w
}

func (w *world) newChain(t *testing.T, claims func(*attest.Claims)) *attest.Chain {
	t.Helper()
	d, err := w.vendor.Device(attesttest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := attest.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	cl := w.claims()
	if claims != nil {
		claims(&cl)
	}
	c, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: counted{d, &w.quotes}, Identity: k, Claims: cl})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) claims() attest.Claims {
	return attest.Claims{Config: attest.Digest{7}, Models: []attest.Model{{ModelID: attest.Digest{1}, Name: "m", Version: 1, Loaded: attest.Digest{2}}}}
}

func (w *world) transport(t *testing.T, change func(*Config)) *Transport {
	t.Helper()
	cfg := Config{
		TLS: &tls.Config{InsecureSkipVerify: true},
		Verify: func(ctx context.Context, doc []byte, ch *[32]byte) (*attest.Statement, error) {
			w.verified.Add(1)
			return attest.VerifyChain(ctx, doc, ch, w.policy)
		},
	}
	if change != nil {
		change(&cfg)
	}
	tr, err := NewTransport(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func post(t *testing.T, rt http.RoundTripper, url string) (*http.Response, string, error) {
	t.Helper()
	resp, err := (&http.Client{Transport: rt}).Post(url, "text/plain", strings.NewReader("prompt"))
	if err != nil {
		return nil, "", err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp, string(b), err
}

func (w *world) refused(t *testing.T, rt http.RoundTripper, url string, want error) {
	t.Helper()
	before := w.prompts.Load()
	if _, _, err := post(t, rt, url); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if n := w.prompts.Load() - before; n != 0 {
		t.Errorf("%d prompts left the client", n)
	}
}

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

// relay ends TLS itself and passes the bytes on over a connection of its own, as a machine in the middle that holds any
// certificate the client accepts.
func relay(t *testing.T, to *httptest.Server) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: to.TLS.Certificates, NextProtos: to.TLS.NextProtos})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				// Everything but the exporter is the same on both connections.
				if err := c.(*tls.Conn).Handshake(); err != nil {
					return
				}
				name := c.(*tls.Conn).ConnectionState().ServerName
				up, err := tls.Dial("tcp", to.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}, ServerName: name})
				if err != nil {
					return
				}
				defer func() { _ = up.Close() }()
				go func() { _, _ = io.Copy(up, c); _ = up.Close() }()
				_, _ = io.Copy(c, up)
			}()
		}
	}()
	return "https://" + l.Addr().String()
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
	w.server.fresh.every = time.Nanosecond
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
	w.server.fresh.every = time.Hour
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
