//go:build long

package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// TestSoak keeps a server busy with every dialect, streamed and not, with callers that leave, upstreams that hang, panic and
// send what they must not, hostile requests, and reloads between policies of different verdicts. Every answer is held
// against the policy that its decision names. A third of the answers come through a reverse proxy. At the end no goroutine is left and the heap has not grown.
//
// HOLDFAST_SOAK sets how long it takes; default 10m.
func TestSoak(t *testing.T) {
	length := 10 * time.Minute
	if v := os.Getenv("HOLDFAST_SOAK"); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	goroutines := runtime.NumGoroutine()
	s := newSoak(t)
	end := time.Now().Add(length)
	running := func() bool { return time.Now().Before(end) && !t.Failed() }
	var wg sync.WaitGroup
	for n := range uint64(12) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(n, 5))
			for running() {
				s.round(t, r)
			}
		})
	}
	wg.Go(func() {
		for i := 0; running(); i++ {
			if err := s.g.Reload(s.policies[i%len(s.policies)].policy); err != nil {
				t.Error(err)
			}
			time.Sleep(150 * time.Millisecond)
		}
	})
	var heap []uint64
	for running() {
		time.Sleep(length / 40)
		heap = append(heap, live())
	}
	wg.Wait()
	s.close()
	if t.Failed() {
		return
	}

	// What is in flight when a sample is taken varies, so medians are compared: of the second quarter and of the last.
	q := len(heap) / 4
	early, late := median(heap[q:2*q]), median(heap[3*q:])
	t.Logf("%v: %d requests, live heap %d KiB, then %d KiB", length, s.next.Load(), early>>10, late>>10)
	if late > early+early/10+(1<<20) {
		t.Errorf("the live heap grew from %d to %d bytes", early, late)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			var stacks bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Fatalf("%d goroutines, %d at the start:\n%s", runtime.NumGoroutine(), goroutines, &stacks)
		}
	}
	for _, what := range []string{"redacted", "blocked", "refused by the zero policy", "hostile, refused", "hostile, monitored", "left", "hangs", "hangs, whole",
		"panics", "panics, whole", "garbage", "header", "clean", "clean, whole", "redacted, whole", "blocked, whole", "behind a proxy"} {
		if n, ok := s.seen.Load(what); !ok {
			t.Errorf("never met: %s", what)
		} else {
			t.Logf("%s: %d", what, n.(*atomic.Int64).Load())
		}
	}
}

func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func median(v []uint64) uint64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// A ruling is a policy with what it means for the requests of the test.
type ruling struct {
	policy               guard.Policy
	none, blocks, allows bool // refuses everything; ends an answer at a leak, rather than redacting; lets injections through
}

// A job is one request and what the upstream is to make of it.
type job struct {
	fault   string // "", left, hangs, panics, garbage, header, hostile
	whole   bool   // the answer is not a stream
	far     bool   // the upstream is behind a reverse proxy
	hostile bool
	attack  bool // … by a text that one of the policies lets through
	stream  *streamer
	kind    guard.Kind
	text    string // of the answer
	answer  string
	cut     int // bytes of the answer in front of the fault
	request string
	ran     atomic.Int64
	decided chan guard.Decision
}

type soak struct {
	g        *guard.Guard
	srv      *httptest.Server
	far      *httptest.Server // the same guard before a reverse proxy to back
	back     *httptest.Server
	between  *http.Transport
	policies []ruling
	digests  map[[32]byte]ruling
	want     map[string]string // texts as they are redacted
	names    []string          // of streamers
	invalid  []string          // chat requests that every policy refuses
	jobs     sync.Map          // id: *job
	seen     sync.Map          // what was met: *atomic.Int64
	next     atomic.Uint64
}

type jobKey struct{}

// wholes are answers that are no streams.
var wholes = map[guard.Kind]struct {
	format string
	path   []any
}{
	guard.KindChat:        {`{"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}]}`, []any{"choices", 0, "message", "content"}},
	guard.KindCompletions: {`{"choices":[{"index":0,"text":%s}]}`, []any{"choices", 0, "text"}},
	guard.KindResponses:   {`{"id":"r","output":[{"type":"message","content":[{"type":"output_text","text":%s}]}]}`, []any{"output", 0, "content", 0, "text"}},
	guard.KindMessages:    {`{"type":"message","content":[{"type":"text","text":%s}]}`, []any{"content", 0, "text"}},
	guard.KindOllamaChat:  {`{"model":"m","message":{"role":"assistant","content":%s},"done":true}`, []any{"message", "content"}},
	guard.KindGenerate:    {`{"response":%s,"done":true}`, []any{"response"}},
	guard.KindInfer:       {`{"model_name":"m","outputs":[{"name":"y","shape":[1],"datatype":"BYTES","data":[%s]}]}`, []any{"outputs", 0, "data", 0}},
}

func newSoak(t *testing.T) *soak {
	s := &soak{digests: map[[32]byte]ruling{}, want: map[string]string{}}
	redact, block := redacting(guard.ModeRedact), redacting(guard.ModeBlock)
	lax := redacting(guard.ModeRedact)
	lax.Rules = map[string]guard.Mode{"injection.override": guard.ModeMonitor}
	for _, r := range []ruling{{policy: redact}, {policy: block, blocks: true}, {policy: lax, allows: true}, {policy: block, blocks: true}, {none: true}} {
		if !r.none {
			r.policy.Limits.AnswerSeconds = 3
		}
		s.policies = append(s.policies, r)
		s.digests[newGuard(t, r.policy).PolicyDigest()] = r
	}
	for _, text := range splitTexts {
		s.want[text], _ = expected(t, text)
	}
	for name := range streamers {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	for _, c := range guardtest.Corpus() {
		if c.Code == guard.CodeInvalid && c.Hostile.Body != "" && c.Hostile.Header == nil && c.Hostile.Method == "" && c.Hostile.Path == "" {
			s.invalid = append(s.invalid, c.Hostile.Body)
		}
	}
	s.g = newGuard(t, s.policies[0].policy, guard.WithHooks(guard.Hooks{Decision: func(c ctx, d guard.Decision) { c.Value(jobKey{}).(*job).decided <- d }}))
	serve := func(h http.Handler) *httptest.Server {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), jobKey{}, s.job(r))))
		}))
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.Start()
		return srv
	}
	s.srv, s.back = serve(s.g.Handler(http.HandlerFunc(s.upstream))), serve(http.HandlerFunc(s.upstream))
	to, err := url.Parse(s.back.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.between = &http.Transport{DisableCompression: true}
	s.far = serve(s.g.Handler(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: s.between, ErrorLog: log.New(io.Discard, "", 0),
	}))
	return s
}

func (s *soak) close() {
	for _, srv := range []*httptest.Server{s.srv, s.far, s.back} {
		srv.Client().CloseIdleConnections()
		srv.Close()
	}
	s.between.CloseIdleConnections()
}

func (s *soak) job(r *http.Request) *job {
	j, _ := s.jobs.Load(r.Header.Get("X-Job"))
	return j.(*job)
}

func (s *soak) count(what string) {
	n, _ := s.seen.LoadOrStore(what, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// upstream does what the request's job says.
func (s *soak) upstream(w http.ResponseWriter, r *http.Request) {
	j := s.job(r)
	j.ran.Add(1)
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != j.request {
		panic("the upstream did not get the request as it was sent")
	}
	w.Header().Set("Content-Type", "application/json")
	if !j.whole {
		w.Header().Set("Content-Type", j.stream.media)
	}
	if j.fault == "header" {
		w.Header().Set("X-Note", "it is "+canary)
	}
	rest := j.answer[:j.cut]
	for step := 1 + len(rest)/5; rest != "" && r.Context().Err() == nil; rest = rest[min(step, len(rest)):] {
		if _, err := io.WriteString(w, rest[:min(step, len(rest))]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
	switch j.fault {
	case "hangs", "left":
		<-r.Context().Done()
	case "panics":
		panic("by order")
	}
}

// round sends one request and judges what comes back.
func (s *soak) round(t *testing.T, r *rand.Rand) {
	j := s.pick(r)
	id := strconv.FormatUint(s.next.Add(1), 10)
	s.jobs.Store(id, j)
	defer s.jobs.Delete(id)
	c, cancel := context.WithCancel(t.Context())
	defer cancel()
	srv := s.srv
	if j.far {
		srv = s.far
	}
	req, err := http.NewRequestWithContext(c, "POST", srv.URL+strings.Replace(guard.Routes(j.kind)[0].Path, "*", "m", 1), strings.NewReader(j.request))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Job", id)
	if j.fault == "left" {
		time.AfterFunc(time.Duration(r.IntN(20_000))*time.Microsecond, cancel)
	}
	var body []byte
	status, head := 0, ""
	res, err := srv.Client().Do(req)
	if err == nil {
		status, head = res.StatusCode, fmt.Sprint(res.Header, res.Trailer)
		body, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	got := string(body)
	if all := strings.ToLower(head + got); strings.Contains(all, strings.ToLower(canary)) || strings.Contains(all, "before the bell has") {
		t.Errorf("%+v: what leaks arrived: %s %s", j.fault, head, got)
		return
	}
	if j.fault == "left" {
		s.count("left")
		if !j.whole && status == 200 {
			got = got[:strings.LastIndexByte(got, '\n')+1]
			if text, _ := j.stream.read(t, got); !strings.HasPrefix(j.text, text) && !strings.HasPrefix(s.want[j.text], text) {
				t.Errorf("of %q came %q", j.text, text)
			}
		}
		return
	}
	var d guard.Decision
	select {
	case d = <-j.decided:
	case <-time.After(20 * time.Second):
		t.Errorf("%+v: no decision: %d %v", j.fault, status, err)
		return
	}
	rule, ok := s.digests[d.Policy]
	if !ok {
		t.Error("a policy that nobody set")
		return
	}
	if what, err := s.judge(t, j, rule, status, got, err); err != nil {
		t.Errorf("%s %q whole %t fault %q blocks %t: %v: %d %s", j.kind, j.text, j.whole, j.fault, rule.blocks, err, status, got)
	} else {
		s.count(what)
		if j.far {
			s.count("behind a proxy")
		}
	}
}

func (s *soak) pick(r *rand.Rand) *job {
	j := &job{decided: make(chan guard.Decision, 1), text: splitTexts[r.IntN(len(splitTexts))], whole: r.IntN(3) == 0}
	switch n := r.IntN(200); {
	case n < 2:
		j.fault = "hangs"
	case n < 20:
		j.fault = "left"
	case n < 30:
		j.fault = "panics"
	case n < 40:
		j.fault = "garbage"
	case n < 50:
		j.fault = "header"
	case n < 90:
		j.hostile = true
	}
	if j.whole || j.hostile {
		j.whole = true
		kinds := make([]guard.Kind, 0, len(wholes))
		for k := range wholes {
			kinds = append(kinds, k)
		}
		slices.Sort(kinds)
		j.kind = kinds[r.IntN(len(kinds))]
		j.answer = fmt.Sprintf(wholes[j.kind].format, js(j.text))
		j.request = strings.Replace(asks[j.kind], "TEXT", "Tell me a story.", 1)
		if j.hostile && r.IntN(2) == 0 {
			j.attack, j.request = true, strings.Replace(asks[j.kind], "TEXT", attack, 1)
		} else if j.hostile {
			j.kind, j.request = guard.KindChat, s.invalid[r.IntN(len(s.invalid))]
		}
	} else {
		st := streamers[s.names[r.IntN(len(s.names))]]
		a, b := r.IntN(len(j.text)+1), r.IntN(len(j.text)+1)
		j.stream, j.kind, j.request = &st, st.kind, st.body
		j.answer = st.events(runes(j.text, min(a, b), max(a, b)))
	}
	j.far = r.IntN(3) == 0 && j.fault != "panics" // which a proxy makes a cut of
	j.cut = len(j.answer)
	switch j.fault {
	case "garbage":
		j.answer = "data: {\"x\":}\n\n{\n"
		j.cut = len(j.answer)
	case "hangs", "left", "panics":
		j.cut = 1 + r.IntN(len(j.answer)/2)
	}
	return j
}

// runes cuts a text in three, at the ends of characters.
func runes(text string, a, b int) []string {
	back := func(i int) int {
		for i < len(text) && i > 0 && text[i]&0xc0 == 0x80 {
			i--
		}
		return i
	}
	a, b = back(a), back(b)
	return []string{text[:a], text[a:b], text[b:]}
}

var (
	errStatus = errors.New("another status")
	errText   = errors.New("another text")
	errRan    = errors.New("the upstream ran another number of times")
	errCut    = errors.New("cut off")
	errEnded  = errors.New("ended")
)

// judge holds an answer against the policy it was given under, and says what was met.
func (s *soak) judge(t *testing.T, j *job, p ruling, status int, body string, cut error) (string, error) {
	refused := func(want int, code, what string) (string, error) {
		switch {
		case cut != nil:
			return "", cut
		case status != want || code != "" && !strings.Contains(body, code):
			return "", errStatus
		}
		return what, nil
	}
	ran := j.ran.Load()
	passes := !p.none && (!j.hostile || j.attack && p.allows)
	if ran > 1 || (ran == 1) != passes {
		return "", errRan
	}
	switch {
	case p.none:
		return refused(404, guard.CodeRoute, "refused by the zero policy")
	case !passes:
		return refused(400, "", "hostile, refused")
	case j.fault == "header":
		return refused(400, guard.CodeContent, "header")
	case j.whole && j.fault == "hangs":
		return refused(504, guard.CodeTimeout, "hangs, whole")
	case j.whole && j.fault == "panics":
		return refused(500, guard.CodeInternal, "panics, whole")
	case j.fault == "garbage" && j.whole:
		return refused(502, guard.CodeUpstream, "garbage")
	case j.fault == "garbage":
		return refused(status, guard.CodeUpstream, "garbage")
	}
	want, clean := s.want[j.text], s.want[j.text] == j.text
	// An upstream that panics under way has its connection cut, unless a leak ended the stream before.
	if early := p.blocks && !clean && cut == nil; (cut != nil) != (j.fault == "panics") && !early {
		return "", errors.Join(errCut, cut)
	}
	if j.whole {
		switch {
		case j.hostile:
			return "hostile, monitored", nil
		case !clean && p.blocks:
			return refused(400, guard.CodeContent, "blocked, whole")
		case status != 200:
			return "", errStatus
		case text(decode(body), wholes[j.kind].path...) != want:
			return "", errText
		case clean:
			return "clean, whole", nil
		}
		return "redacted, whole", nil
	}
	got, failed := j.stream.read(t, body[:strings.LastIndexByte(body, '\n')+1])
	whole := want
	if p.blocks {
		whole = j.text
	}
	switch {
	case status != 200 && !(j.fault == "panics" && status == 0):
		return "", errStatus
	case !strings.HasPrefix(whole, got):
		return "", errText
	case j.fault == "panics" && failed != (cut == nil):
		return "", errEnded
	case j.fault == "panics":
		return "panics", nil
	case j.fault == "hangs" && !failed, j.fault == "" && failed != (p.blocks && !clean):
		return "", errEnded
	case j.fault == "hangs":
		return "hangs", nil
	case failed:
		return "blocked", nil
	case got != whole:
		return "", errText
	case clean:
		return "clean", nil
	}
	return "redacted", nil
}

func decode(body string) any {
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return nil
	}
	return v
}
