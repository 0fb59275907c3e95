package testkit

import (
	"io"
	"net"
	"net/http"
	"time"
)

// Held returns how long a connection lasts that begins with text and, if slow, goes on with a byte a second. It is in memory, so that a bubble
// of testing/synctest has the time pass. The server is one of streams, and so without ReadTimeout.
func Held(h http.Handler, text string, slow bool) time.Duration {
	l := pipe{accept: make(chan net.Conn, 1)}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
	client, server := net.Pipe()
	l.accept <- server
	began, gone := time.Now(), make(chan struct{})
	go func() {
		defer close(gone)
		_, err := io.WriteString(client, text)
		for slow && err == nil {
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

// A pipe is a listener of one connection.
type pipe struct{ accept chan net.Conn }

func (p pipe) Accept() (net.Conn, error) {
	c, ok := <-p.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipe) Close() error { return nil }

func (p pipe) Addr() net.Addr { return &net.TCPAddr{} }
