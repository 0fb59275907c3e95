package receipt

import (
	"bufio"
	"hash"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/holdfast-ai/holdfast/attest"
)

// A writer is a response that is hashed as it is sent.
type writer struct {
	inner http.ResponseWriter
	id    string // "" where there will be no receipt
	head  bool   // no body is sent in answer to HEAD
	old   bool   // HTTP/1.0, which has no trailers

	mu      sync.Mutex
	mac     hash.Hash
	started bool
	failed  bool
	sent    int64
	length  int64 // announced; -1 if not
	end     bool
}

func (w *writer) Header() http.Header { return w.inner.Header() }

func (w *writer) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start(status)
}

func (w *writer) start(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.inner.WriteHeader(status) // informational: the response follows
		return
	}
	if w.started {
		return
	}
	w.started, w.length = true, -1
	h := w.inner.Header()
	if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil {
		// HTTP/1.1 has no trailers behind a body of announced length or none: the id goes ahead, as a header.
		w.length = n
	}
	if w.id != "" && (w.length >= 0 || w.head || w.old || status == http.StatusNoContent || status == http.StatusNotModified) {
		h.Del("Trailer")
		h.Set(HeaderID, w.id)
	}
	w.inner.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end {
		return 0, http.ErrHandlerTimeout // after the handler returned nothing is sent
	}
	if !w.started {
		if w.inner.Header().Get("Content-Type") == "" {
			w.inner.Header().Set("Content-Type", http.DetectContentType(p))
		}
		w.start(http.StatusOK)
	}
	n, err := w.inner.Write(p)
	w.sent += int64(n)
	w.failed = w.failed || err != nil
	if !w.head {
		w.mac.Write(p[:n])
	}
	return n, err
}

// FlushError sends what was written.
func (w *writer) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started {
		w.start(http.StatusOK)
	}
	err := http.NewResponseController(w.inner).Flush()
	w.failed = w.failed || err != nil
	return err
}

// Flush is FlushError for handlers that look for [http.Flusher].
func (w *writer) Flush() { _ = w.FlushError() }

// Hijack is refused: bytes on the bare connection would have no receipt.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}

// Unwrap lets [http.ResponseController] set deadlines.
func (w *writer) Unwrap() http.ResponseWriter { return w.inner }

// finish returns the MAC of what was sent and whether that was all.
func (w *writer) finish() (attest.Digest, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = true
	all := !w.failed && (!w.started || w.length < 0 || w.head || w.sent == w.length)
	return attest.Digest(w.mac.Sum(nil)), all
}
