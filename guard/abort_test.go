package guard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The clock of an answer stops with its handler, however that ends: where an upstream breaks off, as a reverse proxy tells by
// a panic, the response writer is not touched again. The server has given it up, and a write would end the process.
func TestClockStopsWithTheHandler(t *testing.T) {
	p := leaky()
	p.Limits.BeatMillis, p.Limits.HoldMillis = 20, 60_000
	g := newGuard(t, p)
	for name, upstream := range map[string]http.HandlerFunc{
		"aborts": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"It is hf-can"}}]}`+"\n\n")
			panic(http.ErrAbortHandler)
		},
		"panics": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"It is hf-can"}}]}`+"\n\n")
			panic("broken")
		},
		"aborts at once": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"returns": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"It is hf-can"}}]}`+"\n\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &given{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(streamed))
			r.Header.Set("Content-Type", "application/json")
			func() {
				defer func() { _ = recover() }()
				g.Handler(upstream).ServeHTTP(w, r)
			}()
			w.up.Store(true)
			time.Sleep(100 * time.Millisecond)
			if n := w.late.Load(); n > 0 {
				t.Errorf("%d calls after the handler has ended", n)
			}
		})
	}
}

// given is a response writer that counts what comes after it was given up.
type given struct {
	*httptest.ResponseRecorder
	up   atomic.Bool
	late atomic.Int64
}

func (g *given) touch() {
	if g.up.Load() {
		g.late.Add(1)
	}
}

func (g *given) Header() http.Header {
	g.touch()
	return g.ResponseRecorder.Header()
}

func (g *given) Write(p []byte) (int, error) {
	g.touch()
	return g.ResponseRecorder.Write(p)
}

func (g *given) Flush() { g.touch() }

// A writer around the guard that panics in the hands of the clock, where nobody would catch it, ends the answer and not the
// process.
func TestPanicOfTheClock(t *testing.T) {
	p := leaky()
	p.Limits.BeatMillis, p.Limits.HoldMillis = 20, 60_000
	ended := make(chan struct{})
	h := newGuard(t, p).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"It is hf-can"}}]}`+"\n\n")
		<-r.Context().Done()
		close(ended)
	}))
	r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(streamed))
	r.Header.Set("Content-Type", "application/json")
	go h.ServeHTTP(&explosive{discard{header: http.Header{}}}, r)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the upstream works on for nobody")
	}
}

type explosive struct{ discard }

func (*explosive) Write([]byte) (int, error) { panic("a broken writer") }
