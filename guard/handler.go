package guard

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/caller"
)

// Handler returns next behind the guard. next runs only for requests that were allowed, and reads their original bytes;
// it need not know of the guard. When an answer is denied, the request's context is cancelled and further writes fail
// with the [*Rejection].
//
// Headers go on, but for those of the caller's connection and of the body as it came, and those by which servers of models and their gateways choose the worker or
// host that a request goes to (X-Data-Parallel-Rank, X-Prefiller-Host-Port, X-Smg-Target-Worker, …): set them behind the guard. X-Request-Id goes on
// with a random end, since some servers know requests by it, and take those of one name for one.
//
// The ResponseWriter that next gets works with [http.ResponseController]; it refuses to be hijacked, since nobody would
// look at such a connection. Streams are flushed as events are released.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return &handler{g: g, next: next}
}

type handler struct {
	g    *Guard
	next http.Handler
	pool sync.Pool // *[]byte
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.g == nil || h.g.policy.Load() == nil {
		http.Error(w, "guard: there is no policy: a Guard is made by New", http.StatusInternalServerError)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	tx := h.g.Begin(ctx)
	defer tx.Close()
	lift := bounded(w, r, &tx.pol.Limits)

	id, _ := caller.FromContext(ctx)
	v := tx.Request(&Request{
		Caller: id.ID, Tenant: id.Tenant,
		Method: r.Method, Path: r.URL.Path, Header: r.Header, Length: r.ContentLength, RemoteAddr: r.RemoteAddr,
		Ambiguous: r.URL.RawPath != "" || r.URL.RawQuery != "" || r.URL.ForceQuery || r.URL.Host != "" && r.URL.Scheme == "" || r.Method == http.MethodConnect,
	})
	if v.Action != Allow {
		deny(w, tx, v.Rejection)
		return
	}
	buf := h.buffer()
	body, err := h.read(r, tx, buf)
	if err != nil {
		h.put(buf)
		deny(w, tx, rejectRead(err))
		return
	}
	lift()
	if v = tx.RequestBody(body); v.Action != Allow {
		h.put(buf)
		deny(w, tx, v.Rejection)
		return
	}
	if v.Body != nil {
		body = v.Body
	}
	b := &bodyReader{data: body}
	defer func() {
		b.end() // a transport may still hold the body: it must not read another request's bytes
		h.put(buf)
	}()
	_, writes := serverLimits(r)
	rw := newWriter(tx, w, writes, cancel)
	h.serve(rw, forward(r, ctx, b))
}

// serve runs the upstream handler. Its panic is a fault, unless it asks for the connection to be cut. An answer that the guard
// has ended stays as it was ended: a reverse proxy, whose write then fails, would cut the connection, and the caller's library
// would see that in place of its typed error.
func (h *handler) serve(rw *responseWriter, r *http.Request) {
	defer rw.close() // last, and whatever happens: the server gives the connection up when this returns
	defer func() {
		p := recover()
		err, ok := p.(error)
		abort := ok && errors.Is(err, http.ErrAbortHandler)
		switch {
		case p == nil || rw.refused():
			rw.end()
		case abort || !rw.fault():
			panic(http.ErrAbortHandler)
		}
		if p != nil && !abort {
			h.g.log.LogAttrs(r.Context(), slog.LevelError, "guard: upstream panicked", slog.String("type", fmt.Sprintf("%T", p)))
		}
	}()
	h.next.ServeHTTP(rw, r)
}

// forward makes the request that the upstream sees: the bytes that were checked, framed by their length alone.
func forward(r *http.Request, ctx context.Context, b *bodyReader) *http.Request {
	r = r.WithContext(ctx)
	r.Header = r.Header.Clone()
	for _, name := range [...]string{"Content-Encoding", "Trailer", "Expect", // of the body, which is here
		"Connection", "Keep-Alive", "Proxy-Connection", "Te"} { // of the caller's connection: a proxy would drop what they name
		delete(r.Header, name)
	}
	for _, name := range steering {
		delete(r.Header, name)
	}
	for name := range r.Header {
		if dashed := dashes(name); dashed != name && (dashed == "X-Request-Id" || slices.Contains(steering[:], dashed)) {
			delete(r.Header, name)
		}
	}
	if ids := r.Header["X-Request-Id"]; len(ids) > 0 {
		r.Header["X-Request-Id"] = []string{ids[0] + "-" + rand.Text()}
	}
	r.Header["Accept-Encoding"] = []string{"identity"} // an answer that is compressed cannot be read
	r.Trailer, r.TransferEncoding = nil, nil
	r.ContentLength = int64(len(b.data))
	if len(r.Header["Content-Length"]) > 0 { // of the body as it came: packed, or before something was taken out
		r.Header["Content-Length"] = []string{strconv.Itoa(len(b.data))}
	}
	r.Body, r.GetBody = b, nil
	if len(b.data) == 0 {
		r.Body = http.NoBody
	}
	return r
}

// steering are headers that say which worker of a server (vLLM, SGLang), or what other host (llm-d, the gateways of Kubernetes and SGLang), answers a request or sees
// its prompt first: what bodies must not say either.
var steering = [...]string{"X-Data-Parallel-Rank", "X-Prefiller-Host-Port", "X-Prefiller-Url", "X-Data-Host-Port", "X-Encoder-Hosts-Ports", "X-Gateway-Destination-Endpoint", "X-Smg-Target-Worker"}

func (h *handler) buffer() *[]byte {
	if b, ok := h.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 8<<10)
	return &b
}

func (h *handler) put(b *[]byte) {
	if cap(*b) <= maxPooled {
		clear(*b)
		*b = (*b)[:0]
		h.pool.Put(b)
	}
}

var errBodySize = errors.New("guard: body too large")

// bounded bounds the time that a body takes to arrive, where the server does not: one that trickles in must not hold a place for ever. It is lifted
// for a body that was read, and stays for one that is refused, since the server waits for the end of what nobody read.
func bounded(w http.ResponseWriter, r *http.Request, limits *Limits) (lift func()) {
	lift = func() {}
	if reads, _ := serverLimits(r); reads || r.Body == nil || r.Body == http.NoBody {
		return lift
	}
	rc := http.NewResponseController(w)
	if rc.SetReadDeadline(time.Now().Add(time.Duration(limits.BodySeconds)*time.Second)) == nil {
		lift = func() { _ = rc.SetReadDeadline(time.Time{}) }
	}
	return lift
}

// read reads the whole body into buf, growing with what arrives and never by what a header says, and inflates it.
func (h *handler) read(r *http.Request, tx *Transaction, buf *[]byte) (body []byte, err error) {
	limits := &tx.pol.Limits
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	open, _ := h.g.decoder(r.Header["Content-Encoding"])
	if open == nil || tx.kind == KindPass {
		return fill(buf, r.Body, limits.MaxBodyBytes, nil)
	}
	in := &counter{r: bufio.NewReader(r.Body), most: int64(limits.MaxBodyBytes)}
	z, err := open(in)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	body, err = fill(buf, z, limits.MaxBodyBytes, func(n int) error {
		if n > ratioFree && int64(n) > in.n*int64(limits.MaxInflate) {
			return errRatio
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n, err := in.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return nil, cmp.Or(ignore(err, io.EOF), errBehind)
	}
	return body, nil
}

func ignore(err, none error) error {
	if errors.Is(err, none) {
		return nil
	}
	return err
}

// fill reads r to its end into buf; fits is asked after each piece.
func fill(buf *[]byte, r io.Reader, most int, fits func(n int) error) ([]byte, error) {
	b := (*buf)[:0]
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		*buf = b
		if len(b) > most {
			return nil, errBodySize
		}
		if fits != nil {
			if err := fits(len(b)); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// serverLimits reports whether the server bounds the time of a request, and of its answer, itself.
func serverLimits(r *http.Request) (reads, writes bool) {
	s, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	return ok && s.ReadTimeout > 0, ok && s.WriteTimeout > 0
}

func rejectRead(err error) *Rejection {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || errors.Is(err, errBodySize) || errors.Is(err, errRatio) {
		return tooLarge(err)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Rejection{Code: CodeTimeout, Status: http.StatusRequestTimeout, Err: errSlow}
	}
	return &Rejection{Code: CodeInvalid, Status: http.StatusBadRequest, Param: "body", Err: err}
}

// deny answers a request that is refused before anything was sent.
func deny(w http.ResponseWriter, tx *Transaction, r *Rejection) {
	h := w.Header()
	h.Set("Content-Type", api.ContentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if r.Status == http.StatusTooManyRequests {
		if s := int64(r.RetryAfter.Seconds() + 0.999); s > 0 {
			h.Set("Retry-After", strconv.FormatInt(s, 10))
		}
	}
	body := tx.AppendError(nil, r)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.Status)
	_, _ = w.Write(body) // the caller may be gone; there is nobody else to tell
}

// bodyReader is the body as it was checked.
type bodyReader struct {
	mu   sync.Mutex
	data []byte
	off  int
	over bool
}

// Read implements [io.Reader].
func (b *bodyReader) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.off == len(b.data) {
		return 0, io.EOF
	}
	n := copy(p, b.data[b.off:])
	b.off += n
	return n, nil
}

// Close implements [io.Closer].
func (b *bodyReader) Close() error {
	b.end()
	return nil
}

func (b *bodyReader) end() {
	b.mu.Lock()
	b.data, b.over = nil, true
	b.mu.Unlock()
}
