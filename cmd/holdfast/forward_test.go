package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A caller who leaves before the answer begins is no fault of the upstream, and the log does not say so; the decision says what became of it.
func TestForwardCallerLeaves(t *testing.T) {
	asked, left := make(chan struct{}), make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees the end of a connection once it has read the body
		close(asked)
		<-r.Context().Done()
		close(left)
	}))
	defer upstream.Close()
	to, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	out := new(syncBuffer)
	log := slog.New(slog.NewTextHandler(out, nil))
	g, err := guard.New(guard.DefaultPolicy(), guard.WithLogger(log))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler(forward(to, "", log)))
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(guardtest.Chat("Hello!")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	go func() {
		<-asked
		leave()
	}()
	if resp, err := server.Client().Do(r); err == nil {
		resp.Body.Close()
		t.Fatal("an answer came")
	}
	<-left
	for end := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), "guard decision") && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := out.String(); strings.Contains(got, "level=ERROR") || !strings.Contains(got, "code=aborted") {
		t.Errorf("the log says\n%s", got)
	}
}
