package holdfast_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/receipt"
)

// pipes is a listener whose connections are in memory.
type pipes struct{ accept chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Nobody holds a connection by sending a body that is not read, whatever the path; what the engine answers with may take its time.
func TestBodiesThatNobodyReads(t *testing.T) {
	cfg, _, _ := reloadable(t)
	engine := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(30 * time.Second)
		newAnswer().ServeHTTP(w, r)
		if r.Context().Err() != nil {
			t.Error("the request ended while it was answered")
		}
	})
	_, h := serve(t, cfg, engine)
	for _, line := range []string{
		"GET " + holdfast.PathMBOM, "PUT " + holdfast.PathMBOM, "GET " + channel.PathEvidence, "POST " + receipt.PathPrefix, "GET /.well-known/holdfast/x",
		"POST /nowhere", "GET /", "DELETE /v1/chat/completions",
	} {
		t.Run(line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if held := exchange(t, h, line+" HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", true); held > time.Minute {
					t.Errorf("the connection was held for %v", held)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		text := fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(question), question)
		if held := exchange(t, h, text, false); held < 30*time.Second {
			t.Errorf("an answer that takes 30 s ended after %v", held)
		}
	})
}

// exchange sends a request, and then a byte each second for as long as the connection is there, and says how long that is.
func exchange(t *testing.T, h http.Handler, text string, more bool) time.Duration {
	t.Helper()
	l := pipes{make(chan net.Conn)}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
	client, server := net.Pipe()
	l.accept <- server
	began, gone := time.Now(), make(chan struct{})
	go func() {
		defer close(gone)
		_, err := io.WriteString(client, text)
		for more && err == nil {
			time.Sleep(time.Second)
			_, err = client.Write([]byte(" "))
		}
	}()
	_, _ = io.ReadAll(client)
	held := time.Since(began)
	_ = client.Close()
	<-gone
	close(l.accept)
	_ = s.Close()
	return held
}
