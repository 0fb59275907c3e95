package guard

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// responseWriter takes the upstream's answer through the transaction. Upstream and clock take turns under mu.
type responseWriter struct {
	tx     *Transaction
	w      http.ResponseWriter
	rc     http.ResponseController
	cancel context.CancelFunc
	header http.Header // the upstream's, on top of what the handlers around the guard have set

	bounded bool      // the server bounds the time of an answer itself
	patient time.Time // when the caller's time was last set

	mu      sync.Mutex
	decided http.Header // what was looked at, of an answer that is read as a whole
	status  int         // of the upstream; 0 = no header yet
	sent    bool        // the header went to the caller
	over    bool        // nothing more is sent
	denied  *Rejection
	told    bool // the caller was told of it
	out     []byte
	clock   *time.Timer
	begun   time.Time
	beat    time.Time // of the latest sign of life
	last    time.Time // of the latest piece of a stream, from the upstream
}

var _ http.ResponseWriter = (*responseWriter)(nil)

func newWriter(tx *Transaction, w http.ResponseWriter, bounded bool, cancel context.CancelFunc) *responseWriter {
	rw := &responseWriter{tx: tx, w: w, bounded: bounded, rc: *http.NewResponseController(w), cancel: cancel, header: make(http.Header), begun: time.Now()}
	for name, v := range w.Header() {
		rw.header[name] = slices.Clip(v)
	}
	rw.mu.Lock() // the clock may strike before it is known here
	defer rw.mu.Unlock()
	rw.clock = time.AfterFunc(rw.next(), rw.tick)
	return rw
}

// Unwrap lets [http.ResponseController] reach deadlines of the connection.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.w }

// Header implements [http.ResponseWriter].
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *responseWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(status)
}

func (w *responseWriter) writeHeader(status int) {
	if w.status != 0 || w.over {
		return
	}
	if status >= 100 && status < 200 {
		if status == http.StatusSwitchingProtocols {
			w.deny(&Rejection{Code: CodeUpstream, Status: http.StatusBadGateway, Err: errNoHTTP})
		}
		return // early hints of the upstream are not worth a look
	}
	w.status = status
	if v := w.tx.Response(status, w.header); v.Action != Allow {
		w.deny(v.Rejection)
		return
	}
	if w.decided = w.header; w.tx.Streamed() {
		if w.tx.Kind() != KindPass {
			w.unstate()
			w.last = time.Now()
			w.beat = w.last
		}
		w.send()
		return
	}
	w.decided = w.header.Clone() // what comes later was not looked at
}

// unstate drops what the upstream says about the bytes of an answer that may change.
func (w *responseWriter) unstate() {
	for _, name := range [...]string{"Content-Length", "Etag", "Digest", "Content-Digest", "Repr-Digest", "Content-Md5", "Accept-Ranges", "Content-Range"} {
		w.decided.Del(name)
	}
}

// send sends the header that was looked at. Trailers of the upstream are left out: they come when everything was sent.
func (w *responseWriter) send() {
	w.sent = true
	h := w.w.Header()
	announced, ok := h["Trailer"]
	clear(h)
	maps.Copy(h, w.decided)
	if w.tx.Kind() != KindPass {
		for name := range h {
			if strings.HasPrefix(name, http.TrailerPrefix) {
				delete(h, name)
			}
		}
		if delete(h, "Trailer"); ok {
			h["Trailer"] = announced
		}
	}
	w.w.WriteHeader(w.status)
}

// Write implements [io.Writer]. The error is a [*Rejection] once the answer was denied.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status == 0 {
		w.writeHeader(http.StatusOK)
	}
	if err := w.ended(); err != nil {
		return 0, err
	}
	if w.sent {
		w.last = time.Now()
	}
	var v Verdict
	w.out, v = w.tx.ResponseChunk(w.out[:0], p)
	silent := len(w.out) == 0 && len(p) > 0 && !w.tx.done
	if err := w.release(v); err != nil {
		return 0, err
	}
	if silent && w.flows() { // a comment of the upstream, say, which says that the stream lives
		w.alive(w.last)
	}
	if !w.tx.waiting.IsZero() {
		w.clock.Reset(w.next())
	}
	return len(p), nil
}

func (w *responseWriter) ended() error {
	if w.denied != nil {
		return w.denied
	}
	if w.over {
		return http.ErrHandlerTimeout
	}
	return nil
}

// release sends what the transaction let go and carries out its verdict.
func (w *responseWriter) release(v Verdict) error {
	if len(w.out) > 0 {
		var err error
		for rest := w.out; len(rest) > 0 && err == nil; {
			some := rest[:min(len(rest), piece)]
			rest = rest[len(some):]
			w.patience()
			_, err = w.w.Write(some)
		}
		clear(w.out)
		w.beat = time.Now()
		if err != nil {
			w.over = true
			w.cancel() // the caller is gone
			return err
		}
	}
	if v.Action != Allow {
		w.deny(v.Rejection)
		return w.denied
	}
	return nil
}

// piece is how many bytes of an answer a caller must take in the time that the policy gives it.
const piece = 64 << 10

// patience bounds how long the caller may take to read what comes next, streamed or not: who does not read would keep a place,
// and the answer in memory. net/http takes the bound back when it is done with the answer. Servers without deadlines, as in
// tests, wait; a server's own bound on answers that come whole is left as it is.
//
// Moving the bound costs more than a short event's write, so it moves in steps of an eighth.
func (w *responseWriter) patience() {
	if !w.tx.Streamed() && w.bounded {
		return
	}
	now, most := time.Now(), time.Duration(w.tx.pol.Limits.WriteSeconds)*time.Second
	if now.Sub(w.patient) < most/8 {
		return
	}
	w.patient = now
	_ = w.rc.SetWriteDeadline(now.Add(most))
}

// FlushError sends what was released. What is held stays held.
func (w *responseWriter) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status == 0 {
		w.writeHeader(http.StatusOK)
	}
	if !w.sent || w.over {
		return nil
	}
	return w.rc.Flush()
}

// Flush implements [http.Flusher] for upstreams that look for it.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// deny ends the answer and cancels the upstream.
func (w *responseWriter) deny(r *Rejection) {
	if w.over {
		return
	}
	w.denied, w.over = r, true
	w.cancel()
	w.patience()
	if !w.sent {
		w.sent, w.told = true, true
		deny(w.w, w.tx, r) // nothing of the upstream's header is in w.w
		_ = w.rc.Flush()   // the upstream may take its time to notice
		return
	}
	if w.tx.Kind() == KindPass { // there is no form in which to end it
		return
	}
	if _, err := w.w.Write(w.tx.AppendDenial(nil, r)); err == nil {
		w.told = true
		_ = w.rc.Flush()
	}
}

// end is called when the upstream has returned.
func (w *responseWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.stop()
	if w.over {
		return
	}
	if w.status == 0 {
		w.writeHeader(http.StatusOK)
	}
	if w.over {
		return
	}
	var v Verdict
	w.out, v = w.tx.ResponseEnd(w.out[:0])
	if v.Action == Allow && !w.sent {
		length := w.decided.Get("Content-Length")
		w.unstate()
		switch {
		case w.tx.header == nil:
		case len(w.out) > 0:
			w.decided.Set("Content-Length", strconv.Itoa(len(w.out)))
		case length != "" && w.hasBody():
			w.decided.Set("Content-Length", "0")
		}
		w.send()
	}
	_ = w.release(v)
	if w.tx.Kind() == KindPass { // its trailers pass as the answer did
		h := w.w.Header()
		for name, v := range w.header {
			if _, ok := h[name]; !ok {
				h[name] = v
			}
		}
	}
}

func (w *responseWriter) hasBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// refused reports whether the guard has ended the answer and told the caller so.
func (w *responseWriter) refused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told
}

// fault answers for an upstream that panicked, and reports whether the connection can live on.
func (w *responseWriter) fault() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.stop()
	if w.sent {
		w.cancel()
		return false
	}
	w.deny(w.tx.verdict(internal(nil)).Rejection)
	return true
}

// flows reports whether a stream has begun, so that the upstream should go on with it.
func (w *responseWriter) flows() bool { return !w.last.IsZero() && w.tx.Kind() != KindPass }
