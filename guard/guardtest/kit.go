package guardtest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// patience is how long the kit waits, unless told otherwise, for what a server should do at once. It is spent only on servers
// that fail.
const patience = time.Second

// kit runs the checks, one request at a time.
type kit struct {
	ctx      context.Context
	entries  entries
	base     string
	client   *http.Client
	header   http.Header // of every request
	patience time.Duration
	kind     api.Kind
	stream   bool
	report   Report

	mu   sync.Mutex
	say  http.HandlerFunc // what the upstream does
	ran  int
	body []byte // of the latest request that reached the upstream
}

// got is what a client got.
type got struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
	ran    int
	seen   []byte
}

// upstream counts and keeps what arrives, and then does what the check of the moment wants.
func (k *kit) upstream(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	k.mu.Lock()
	k.ran++
	k.body = body
	say := k.say
	k.mu.Unlock()
	if err == nil {
		say(w, r)
	}
}

// ask sends a request to the server, whose upstream does say.
func (k *kit) ask(r *http.Request, say http.HandlerFunc) got {
	k.mu.Lock()
	k.say, k.ran, k.body = say, 0, nil
	k.mu.Unlock()
	var g got
	res, err := k.send(r)
	if err == nil {
		var b []byte
		b, g.err = io.ReadAll(res.Body)
		_ = res.Body.Close() // it was read to its end, or to its error
		g.status, g.header, g.body = res.StatusCode, res.Header, string(b)
	} else {
		g.err = err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	g.ran, g.seen = k.ran, k.body
	return g
}

// send sends a request with the headers that every one has.
func (k *kit) send(r *http.Request) (*http.Response, error) {
	for name, v := range k.header {
		if _, ok := r.Header[name]; !ok {
			r.Header[name] = v
		}
	}
	return k.client.Do(r.WithContext(k.ctx))
}

// begin counts a check, class/name, before it can fail.
func (k *kit) begin(attack string) { k.report.begin(k.kind, k.stream, attack) }

func (k *kit) fail(attack, format string, args ...any) {
	k.report.fail(Failure{k.kind, Path(k.kind), k.stream, attack, fmt.Sprintf(format, args...)})
}

// answer is an upstream that says pieces, one event each.
func (k *kit) answer(pieces ...string) http.HandlerFunc {
	events := []string{Say(k.kind, strings.Join(pieces, ""))}
	if k.stream {
		events = Stream(k.kind, pieces...)
	}
	return k.write(http.StatusOK, events...)
}

func (k *kit) write(status int, parts ...string) http.HandlerFunc {
	kind, stream := k.kind, k.stream
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media(kind, stream && status == http.StatusOK))
		w.WriteHeader(status)
		for _, p := range parts {
			if _, err := io.WriteString(w, p); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush() // one that cannot is seen by the check of flushes
		}
	}
}

// newKit makes a kit that still needs the address of the server under test.
func newKit(ctx context.Context) (*kit, error) {
	e, err := parseEntries(corpusYAML)
	if err != nil {
		return nil, err
	}
	return &kit{ctx: ctx, entries: e, patience: patience, client: &http.Client{Transport: &http.Transport{}}}, nil
}

// serveQuietly serves a handler on a listener, by default one on loopback. The upstream panics on purpose, so nothing is logged.
func serveQuietly(l net.Listener, h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	if l != nil {
		s.Listener.Close()
		s.Listener = l
	}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	return s
}
