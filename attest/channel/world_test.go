package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

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
