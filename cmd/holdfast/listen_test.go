package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
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

// What net/http says of a connection has no address: README promises a log that names no caller.
func TestErrorLogNamesNobody(t *testing.T) {
	out := new(syncBuffer)
	log := errorLog(slog.New(slog.NewTextHandler(out, nil)))
	for _, addr := range []string{"127.0.0.1:4711", "[::1]:4711", "[fe80::1%eth0]:4711"} {
		log.Printf("http: TLS handshake error from %s: read tcp 10.0.0.1:8080->%s: i/o timeout", addr, addr)
	}
	if got := out.String(); strings.Contains(got, "4711") || strings.Contains(got, "10.0.0.1") || strings.Count(got, "TLS handshake error from (address): read tcp (address)->(address): i/o timeout") != 3 {
		t.Errorf("the log says\n%s", got)
	}

	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	out = new(syncBuffer)
	s.Config.ErrorLog = errorLog(slog.New(slog.NewTextHandler(out, nil)))
	s.StartTLS()
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	from := c.LocalAddr().String()
	c.Close()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), "TLS") && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := out.String(); !strings.Contains(got, "level=WARN") || strings.Contains(got, from) {
		t.Errorf("the log says\n%s", got)
	}
}
