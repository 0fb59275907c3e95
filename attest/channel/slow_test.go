package channel

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
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

// A peer that nobody knows yet holds no connection by sending its request slowly.
func TestSlowExchange(t *testing.T) {
	w := newWorld(t, nil)
	for _, line := range []string{"POST " + PathChannel, "GET " + PathChannel, "GET " + PathEvidence, "POST /"} {
		t.Run(line, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { slow(t, w.server, line) }) })
	}
}

func slow(t *testing.T, h http.Handler, line string) {
	t.Helper()
	l := pipes{accept: make(chan net.Conn)}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
	client, server := net.Pipe()
	l.accept <- server
	began := time.Now()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.WriteString(client, line+" HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n")
		for {
			time.Sleep(time.Second)
			if _, err := client.Write([]byte(" ")); err != nil {
				return
			}
		}
	}()
	_, _ = io.ReadAll(client)
	if held := time.Since(began); held > time.Minute {
		t.Errorf("%s: the connection was held for %v", line, held)
	}
	_ = client.Close()
	<-gone
	close(l.accept)
	_ = s.Close()
}
