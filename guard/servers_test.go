package guard_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// What clients of a server use is let through, what manages it is not.
func TestServerRoutes(t *testing.T) {
	for s, c := range map[guard.Server]struct{ open, closed []string }{
		guard.ServerVLLM: {[]string{"GET /health", "GET /v1/models"},
			[]string{"POST /v1/load_lora_adapter", "POST /v1/unload_lora_adapter", "POST /tokenize", "POST /detokenize", "GET /metrics", "POST /sleep", "POST /reset_prefix_cache", "POST /invocations", "POST /collective_rpc", "GET /server_info", "POST /abort_request"}},
		guard.ServerLlamaCpp: {[]string{"GET /health", "GET /v1/models"},
			[]string{"GET /props", "POST /props", "GET /slots", "POST /slots/0", "POST /completion", "POST /infill", "POST /apply-template", "POST /tokenize", "GET /metrics", "POST /lora-adapters", "GET /"}},
		guard.ServerOllama: {[]string{"GET /", "HEAD /", "GET /api/tags", "GET /api/version", "GET /v1/models"},
			[]string{"POST /api/pull", "POST /api/push", "POST /api/create", "POST /api/copy", "DELETE /api/delete", "POST /api/show", "GET /api/ps", "POST /api/blobs/sha256:1", "HEAD /api/blobs/sha256:1", "POST /api/embeddings"}},
		guard.ServerKServe: {[]string{"GET /v2", "GET /v2/health/live", "GET /v2/health/ready", "GET /v2/models/m", "GET /v2/models/m/ready", "GET /v2/models/m/versions/1/ready"},
			[]string{"POST /v2/repository/models/m/load", "POST /v2/repository/index", "POST /v2/systemsharedmemory/region/r/register", "POST /v2/models/m/generate", "POST /v2/logging", "GET /v2/trace/setting", "GET /metrics", "POST /v2/models/m/trace/setting"}},
	} {
		p := guard.UntrustedPolicy()
		p.Routes = guard.ServerRoutes(s)
		g := newGuard(t, p)
		try := func(route string, want int) {
			method, path, _ := strings.Cut(route, " ")
			up := &guardtest.Upstream{Body: "{}"}
			w := httptest.NewRecorder()
			g.Handler(up).ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
			if w.Code != want || (up.Ran() == 1) != (want == 200) {
				t.Errorf("%s: %s: %d, the upstream ran %d times", s, route, w.Code, up.Ran())
			}
		}
		for _, r := range c.open {
			try(r, 200)
		}
		for _, r := range c.closed {
			try(r, 404)
		}
		kinds := 0
		for _, r := range p.Routes {
			if body, ok := asks[r.Kind]; ok {
				kinds++
				if w := ask(g.Handler(&guardtest.Upstream{Body: "{}"}), r.Kind, body); w.Code != 200 {
					t.Errorf("%s: %s: %d %s", s, r.Kind, w.Code, w.Body)
				}
			}
		}
		if kinds == 0 {
			t.Errorf("%s answers nothing", s)
		}
	}
	if r := guard.ServerRoutes("another"); len(r) != 0 {
		t.Errorf("an unknown server has the routes %v", r)
	}
}

// Who is refused for the form of a request reads which field it is and why; the operator reads the cause of every refusal in the log. Neither
// reads a value.
func TestRefusalsAreExplained(t *testing.T) {
	const secret = "xyzzy4711"
	var log bytes.Buffer
	g := newGuard(t, all(), guard.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	turn := `"messages":[{"role":"user","content":"` + secret + `"}]`
	for body, want := range map[string][2]string{
		`{` + turn + `}`: {"model (required)", "param=model"},
		`{"model":"m",` + turn + `,"temperature":7}`:          {"temperature (max 2)", "param=temperature"},
		`{"model":"m",` + turn + `,"n":9}`:                    {"n (max)", "param=n cause=\"api: invalid n (max)\""},
		`{"model":"m",` + turn + `,"model":"` + secret + `"}`: {"json: duplicate", "cause=\"json: duplicate"},
		`{"model":"m",` + turn + `,"lora":"` + secret + `"}`:  {"lora (cannot be inspected)", "param=lora"},
		`{"model":"m",` + turn + `,"max_tokens":9999}`:        {"max_tokens (max)", "param=max_tokens cause=\"api: invalid max_tokens (max)\""},
	} {
		log.Reset()
		w := post(g.Handler(&guardtest.Upstream{}), body)
		if w.Code != 400 || !strings.Contains(w.Body.String(), want[0]) || !strings.Contains(log.String(), want[1]) || strings.Contains(w.Body.String()+log.String(), secret) {
			t.Errorf("%s: %d %s\n%s", body, w.Code, w.Body, &log)
		}
	}
	strict := all()
	strict.Tools, strict.Models = []guard.ToolRule{}, []string{"m"}
	for body, want := range map[string][2]string{
		`{"model":"` + secret + `",` + turn + `}`:                                                       {"model (not allowed here)", "cause=\"api: invalid model"},
		`{"model":"m",` + turn + `,"tools":[{"type":"function","function":{"name":"` + secret + `"}}]}`: {"tools (not allowed here)", "cause=\"api: invalid tools"},
	} {
		log.Reset()
		w := post(newGuard(t, strict, guard.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).Handler(&guardtest.Upstream{}), body)
		if w.Code != 400 || !strings.Contains(w.Body.String(), want[0]) || !strings.Contains(log.String(), want[1]) || strings.Contains(w.Body.String()+log.String(), secret) {
			t.Errorf("%s: %d %s\n%s", body, w.Code, w.Body, &log)
		}
	}
	log.Reset()
	w := post(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write([]byte(secret))
	})), hello)
	if w.Code != 502 || !strings.Contains(log.String(), "cause=\"guard: the answer is encoded\"") || strings.Contains(w.Body.String()+log.String(), secret) || strings.Contains(w.Body.String(), "encoded") {
		t.Errorf("%d %s\n%s", w.Code, w.Body, &log)
	}
}
