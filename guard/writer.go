package guard

import (
	"context"
	"net/http"
	"strconv"
)

// responseWriter takes the upstream's answer through the transaction.
type responseWriter struct {
	tx     *Transaction
	w      http.ResponseWriter
	cancel context.CancelFunc

	status int  // of the upstream; 0 = no header yet
	sent   bool // the header went to the caller
	denied *Rejection
	out    []byte
}

var _ http.ResponseWriter = (*responseWriter)(nil)

// Unwrap lets [http.ResponseController] reach deadlines of the connection.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.w }

// Header implements [http.ResponseWriter].
func (w *responseWriter) Header() http.Header { return w.w.Header() }

// WriteHeader implements [http.ResponseWriter].
func (w *responseWriter) WriteHeader(status int) {
	if w.status != 0 || w.denied != nil {
		return
	}
	if status >= 100 && status < 200 {
		if status == http.StatusSwitchingProtocols {
			w.deny(&Rejection{Code: CodeUpstream, Status: http.StatusBadGateway})
		}
		return // early hints of the upstream are not worth a look
	}
	w.status = status
	if v := w.tx.Response(status, w.w.Header()); v.Action != Allow {
		w.deny(v.Rejection)
		return
	}
	if w.tx.Streamed() {
		if w.tx.Kind() != KindPass {
			w.w.Header().Del("Content-Length")
		}
		w.send()
	}
}

func (w *responseWriter) send() {
	w.sent = true
	w.w.WriteHeader(w.status)
}

// Write implements [io.Writer]. The error is a [*Rejection] once the answer was denied.
func (w *responseWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.denied != nil {
		return 0, w.denied
	}
	var v Verdict
	w.out, v = w.tx.ResponseChunk(w.out[:0], p)
	if err := w.release(v); err != nil {
		return 0, err
	}
	return len(p), nil
}

// release sends what the transaction let go and carries out its verdict.
func (w *responseWriter) release(v Verdict) error {
	if len(w.out) > 0 {
		_, err := w.w.Write(w.out)
		clear(w.out)
		if err != nil {
			return err
		}
	}
	if v.Action != Allow {
		w.deny(v.Rejection)
		return w.denied
	}
	return nil
}

// FlushError sends what was released. What is held stays held.
func (w *responseWriter) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.sent {
		return nil
	}
	return http.NewResponseController(w.w).Flush()
}

// Flush implements [http.Flusher] for upstreams that look for it.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// deny ends the answer and cancels the upstream.
func (w *responseWriter) deny(r *Rejection) {
	if w.denied != nil {
		return
	}
	w.denied = r
	w.cancel()
	if !w.sent {
		w.sent = true
		deny(w.w, r)
		return
	}
	if _, err := w.w.Write(AppendDenial(nil, r)); err == nil {
		_ = http.NewResponseController(w.w).Flush()
	}
}

// end is called when the upstream has returned.
func (w *responseWriter) end() {
	if w.denied != nil {
		return
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.denied != nil {
		return
	}
	var v Verdict
	w.out, v = w.tx.ResponseEnd(w.out[:0])
	if v.Action == Allow && !w.sent {
		if len(w.out) > 0 || w.w.Header().Get("Content-Length") != "" {
			w.w.Header().Set("Content-Length", strconv.Itoa(len(w.out)))
		}
		w.send()
	}
	_ = w.release(v)
}

// fault answers for an upstream that panicked, and reports whether the connection can live on.
func (w *responseWriter) fault() bool {
	if w.sent {
		w.cancel()
		return false
	}
	w.deny(internal(nil))
	return true
}
