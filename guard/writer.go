package guard

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// responseWriter takes the upstream's answer through the transaction.
type responseWriter struct {
	tx     *Transaction
	w      http.ResponseWriter
	cancel context.CancelFunc

	before http.Header // what the handlers around the guard have set
	header http.Header // what was decided about, of an answer that is read as a whole
	status int         // of the upstream; 0 = no header yet
	sent   bool        // the header went to the caller
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
		return
	}
	w.header = w.w.Header().Clone()
}

// send sends the header. Trailers of the upstream are left out: they come when everything was sent.
func (w *responseWriter) send() {
	w.sent = true
	h := w.w.Header()
	if w.header != nil { // later changes were not looked at
		replace(h, w.header)
	}
	if w.tx.Kind() != KindPass {
		if delete(h, "Trailer"); w.before["Trailer"] != nil {
			h["Trailer"] = w.before["Trailer"]
		}
	}
	w.w.WriteHeader(w.status)
}

// dropTrailers forgets the trailers that were not announced.
func (w *responseWriter) dropTrailers() {
	if w.tx.Kind() == KindPass {
		return
	}
	h := w.w.Header()
	for name := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) && w.before[name] == nil {
			delete(h, name)
		}
	}
}

func replace(h, by http.Header) {
	clear(h)
	maps.Copy(h, by)
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
		replace(w.w.Header(), w.before) // the rest is of the answer that is not sent
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
		if len(w.out) > 0 || w.header.Get("Content-Length") != "" {
			w.header.Set("Content-Length", strconv.Itoa(len(w.out)))
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
	w.deny(w.tx.verdict(internal(nil)).Rejection)
	return true
}
