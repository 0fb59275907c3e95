package guardtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/api"
)

// Policy is what the kit expects of a server: every route, every rule blocking, and the kit's canary.
func Policy() guard.Policy {
	p := guard.DefaultPolicy()
	p.Routes = nil
	for _, k := range Kinds() {
		p.Routes = append(p.Routes, guard.Routes(k)...)
	}
	p.Canary = []string{Canary}
	p.Limits.KeyTokens = 1 << 50
	return p
}

// Conform holds a server against the corpus on the routes of the given kinds, by default all of [Kinds]. server gets the
// upstream, an [http.Handler] of the kit that speaks every dialect, and returns the server that should guard it, under a
// policy such as [Policy]. It is served on loopback. Each route, streamed or not, and class of attack is a subtest.
func Conform(t *testing.T, server func(upstream http.Handler) http.Handler, kinds ...api.Kind) {
	t.Helper()
	report, err := Check(t.Context(), server, kinds...)
	report.show(t, err)
}

// Check is [Conform] for programs. The error says that the kit itself could not work.
func Check(ctx context.Context, server func(upstream http.Handler) http.Handler, kinds ...api.Kind) (Report, error) {
	k, err := newKit(ctx)
	if err != nil {
		return Report{}, err
	}
	s := serveQuietly(nil, server(http.HandlerFunc(k.upstream)))
	defer s.Close()
	k.base = s.URL
	return k.all(kinds)
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

// all runs every check of the given kinds.
func (k *kit) all(kinds []api.Kind) (Report, error) {
	if len(kinds) == 0 {
		kinds = Kinds()
	}
	transport, ok := k.client.Transport.(*http.Transport)
	if !ok {
		return Report{}, errors.New("guardtest: the client's transport is no *http.Transport")
	}
	transport = transport.Clone()
	transport.DisableCompression = true // the kit sees what was sent
	defer transport.CloseIdleConnections()
	k.client = &http.Client{
		Transport: transport, Timeout: 10 * k.patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, kind := range kinds {
		for _, stream := range []bool{false, true} {
			if stream && !Streams(kind) {
				continue
			}
			if k.kind, k.stream = kind, stream; k.ctx.Err() != nil {
				return k.report, k.ctx.Err()
			}
			if err := k.run(); err != nil {
				return k.report, err
			}
		}
	}
	return k.report, k.ctx.Err()
}

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

// got is what a client got.
type got struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
	ran    int
	seen   []byte
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

func (k *kit) run() error {
	for i := range k.entries.attacks {
		if err := k.attack(&k.entries.attacks[i]); err != nil {
			return err
		}
	}
	for i := range k.entries.benign {
		if err := k.benign(&k.entries.benign[i]); err != nil {
			return err
		}
	}
	k.upgrade()
	if speaks(k.kind) {
		for i := range k.entries.answers {
			k.said(&k.entries.answers[i])
		}
	}
	k.answers()
	k.faults()
	if k.stream {
		k.flushes()
		k.cancels()
	}
	return nil
}

// attack must be refused in the dialect of the route before the upstream runs.
func (k *kit) attack(e *entry) error {
	if !e.of(k.kind) {
		return nil
	}
	r, _, err := e.request(k.kind, k.base, k.stream)
	if err != nil {
		return err
	}
	name := e.Class + "/" + e.Name
	k.begin(name)
	g := k.ask(r, k.answer("x"))
	if g.ran != 0 {
		k.fail(name, "the upstream ran %d times", g.ran)
	}
	if g.status != e.Status {
		k.fail(name, "status %d, not %d", g.status, e.Status)
	} else if e.Class != "route" { // a path of no route has no dialect
		k.refusal(name, g)
	}
	return nil
}

// refusal must be one error in the dialect of the route.
func (k *kit) refusal(name string, g got) {
	d, _ := api.New(k.kind)
	a, err := Read(k.kind, g.body, false)
	// KServe and Ollama have errors that are one string, the others objects of their own.
	form := d.AppendError(nil, api.Problem{Status: g.status, Code: a.ErrorCode})
	open, _, _ := strings.Cut(string(form), `"message"`)
	if len(open) == len(form) {
		open = `{"error":"`
	}
	if err != nil || g.err != nil || a.ErrorCode == "" || a.Text != "" || !strings.HasPrefix(g.body, open) {
		k.fail(name, "the refusal is not an error of the dialect")
	}
}

// benign must reach the upstream once and as it was sent, and its answer the client.
func (k *kit) benign(e *entry) error {
	r, plain, err := e.request(k.kind, k.base, k.stream)
	if err != nil {
		return err
	}
	name := e.Class + "/" + e.Name
	k.begin(name)
	g := k.ask(r, k.answer("fair ", "weather"))
	switch a, err := Read(k.kind, g.body, k.stream); {
	case g.status != http.StatusOK || g.ran != 1:
		k.fail(name, "status %d, the upstream ran %d times", g.status, g.ran)
	case string(g.seen) != string(plain):
		k.fail(name, "the upstream read other bytes than were sent")
	case err != nil || g.err != nil || a.ErrorCode != "" || speaks(k.kind) && a.Text != "fair weather" || k.stream && !a.Done:
		k.fail(name, "the answer did not arrive")
	}
	return nil
}

func (k *kit) upgrade() {
	k.begin("route/websocket")
	r := k.plain()
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	if g := k.ask(r, k.answer("x")); g.ran != 0 || g.status < 400 || g.status > 499 {
		k.fail("route/websocket", "status %d, the upstream ran %d times", g.status, g.ran)
	}
}

// plain is an ordinary request.
func (k *kit) plain() *http.Request {
	r, _, err := (&entry{Text: "hi"}).request(k.kind, k.base, k.stream)
	if err != nil {
		panic("guardtest: internal error: " + err.Error()) // nothing of it is from outside
	}
	return r
}

// said is an answer that must pass as it is, or one whose canary must not.
func (k *kit) said(e *entry) {
	pieces := e.pieces()
	name := e.Class + "/" + e.Name
	k.begin(name)
	g := k.ask(k.plain(), k.answer(pieces...))
	if !e.Benign {
		k.withheld(name, g)
		return
	}
	if a, err := Read(k.kind, g.body, k.stream); g.status != http.StatusOK || err != nil || g.err != nil || a.Text != strings.Join(pieces, "") || a.ErrorCode != "" {
		k.fail(name, "the answer was changed")
	}
}

// withheld must hold no more than half of the canary, and end in an error of the dialect.
func (k *kit) withheld(name string, g got) {
	var text string
	if k.stream && g.status == http.StatusOK {
		a, err := Read(k.kind, g.body, true)
		if text = a.Text; err != nil || g.err != nil || a.ErrorCode == "" {
			k.fail(name, "the stream does not end in an error of the dialect")
		}
	} else if g.status < 400 {
		k.fail(name, "status %d", g.status)
	} else {
		k.refusal(name, g)
	}
	all := fmt.Sprint(g.header) + g.body + text
	for i := 0; i+len(Canary)/2 < len(Canary); i++ {
		if strings.Contains(all, Canary[i:i+len(Canary)/2+1]) {
			k.fail(name, "the canary was sent")
			return
		}
	}
}

// answers are hostile ones that are no text: in a header, in an error, encoded, in another framing.
func (k *kit) answers() {
	leak := "It is " + Canary
	whole := func(attack string, say http.HandlerFunc) {
		k.begin(attack)
		k.withheld(attack, k.ask(k.plain(), say))
	}
	next := k.answer("x")
	whole("answer/header", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Note", leak)
		next(w, r)
	})
	errored := k.write(http.StatusInternalServerError, `{"error":`+quote(leak)+`}`)
	whole("answer/error", errored)
	hidden := k.answer(leak)
	whole("answer/encoded", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "x-none")
		hidden(w, r)
	})
	broken := "<" + leak + ">\n\n"
	if k.stream && framing(k.kind) == api.SSE {
		broken = "data: " + broken
	}
	whole("answer/not JSON", k.write(http.StatusOK, broken))
	if !k.stream && Streams(k.kind) {
		k.begin("answer/stream that nobody asked for")
		lines := strings.Join(Stream(k.kind, leak), "")
		g := k.ask(k.plain(), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media(k.kind, true))
			_, _ = io.WriteString(w, lines) // the server may refuse it
		})
		if strings.Contains(g.body, Canary) {
			k.fail("answer/stream that nobody asked for", "the canary was sent")
		}
	}
}

// faults of an upstream must not look like answers.
func (k *kit) faults() {
	k.begin("fault/panic")
	g := k.ask(k.plain(), func(http.ResponseWriter, *http.Request) { panic("guardtest: a fault") })
	if g.err == nil && g.status < 500 {
		k.fail("fault/panic", "status %d", g.status)
	}
}

// flushes sees that an event reaches the client before the upstream has the next.
func (k *kit) flushes() {
	k.begin("stream/flush")
	arrived := make(chan struct{})
	var once sync.Once
	let := func() { once.Do(func() { close(arrived) }) }
	defer let()
	events := Stream(k.kind, "fair ", "weather")
	at := slices.IndexFunc(events, func(e string) bool { return strings.Contains(e, "fair ") })
	late := make(chan bool, 8) // a broken server may ask more than once
	say := func(w http.ResponseWriter, r *http.Request) {
		k.write(http.StatusOK, events[:at+1]...)(w, r)
		select {
		case <-arrived:
			late <- false
		case <-time.After(k.patience / 2):
			late <- true
		}
		_, _ = io.WriteString(w, strings.Join(events[at+1:], "")) // the client may have left
	}
	k.mu.Lock()
	k.say = say
	k.mu.Unlock()
	res, err := k.send(k.plain())
	if err != nil {
		k.fail("stream/flush", "no answer")
		return
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "fair ") {
			let()
		}
	}
	select {
	case was := <-late:
		if was {
			k.fail("stream/flush", "an event was kept until the next")
		}
	default:
		k.fail("stream/flush", "the upstream was not reached")
	}
}

// cancels sees that an upstream is stopped when its answer is.
func (k *kit) cancels() {
	k.begin("stream/cancel")
	stopped := make(chan bool, 8)
	events := Stream(k.kind, "It is ", Canary, " yes")
	g := k.ask(k.plain(), func(w http.ResponseWriter, r *http.Request) {
		k.write(http.StatusOK, events[:len(events)-1]...)(w, r)
		select {
		case <-r.Context().Done():
			stopped <- true
		case <-time.After(k.patience / 2):
			stopped <- false
		}
	})
	if g.ran == 0 {
		k.fail("stream/cancel", "the upstream was not reached")
		return
	}
	select {
	case ok := <-stopped:
		if ok {
			return
		}
	case <-time.After(k.patience): // it was ended in a write
	}
	k.fail("stream/cancel", "the upstream goes on behind an answer that was refused")
}
