package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A server that is told to stop lets running answers finish for as long as --drain says, and says so where it cut them off.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		drain time.Duration
		whole bool
	}{{time.Minute, true}, {time.Millisecond, false}} {
		said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		defer said.Close()
		l := listenFlags{addr: "127.0.0.1:0", drain: c.drain}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		end := make(chan struct{})
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begun, ")
			_ = http.NewResponseController(w).Flush()
			stop()
			select {
			case <-end:
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "done")
		})}
		ln, link, err := l.listen(server)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- l.serveUntil(ctx, &ui{err: said}, server, ln) }()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		if c.whole {
			for { // until it takes no more requests
				conn, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					break
				}
				conn.Close()
			}
			close(end)
		}
		body, cut := io.ReadAll(resp.Body)
		resp.Body.Close()
		err = <-served
		if whole := cut == nil && string(body) == "begun, done"; whole != c.whole || (err == nil) != c.whole {
			t.Errorf("drain %v: %q, %v, %v", c.drain, body, cut, err)
		}
		if err != nil && !strings.Contains(err.Error(), "--drain") {
			t.Error(err)
		}
		if text, err := os.ReadFile(said.Name()); err != nil || !strings.Contains(string(text), "stopping") {
			t.Errorf("%q, %v", text, err)
		}
	}
}
