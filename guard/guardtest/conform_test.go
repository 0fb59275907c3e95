package guardtest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

func guarded(t *testing.T, change func(*guard.Policy)) *guard.Guard {
	t.Helper()
	p := guardtest.Policy()
	if change != nil {
		change(&p)
	}
	g, err := guard.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The kit passes on the guard itself.
func TestGuardConforms(t *testing.T) { guardtest.Conform(t, guarded(t, nil).Handler) }

// before changes a request before a handler gets it.
func before(h http.Handler, change func(r *http.Request, body []byte) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		body = change(r, body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		h.ServeHTTP(w, r)
	})
}

// writer is a ResponseWriter some of whose methods are replaced.
type writer struct {
	http.ResponseWriter
	write  func([]byte) (int, error)
	status func(int)
}

func (w writer) Write(p []byte) (int, error) {
	if w.write != nil {
		return w.write(p)
	}
	return w.ResponseWriter.Write(p)
}

func (w writer) WriteHeader(status int) {
	if w.status != nil {
		w.status(status)
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w writer) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Each of these servers has one fault. The kit must name it: some failure must be of the attack given.
func TestKitFindsBrokenServers(t *testing.T) {
	g := guarded(t, nil)
	serve := func(f func(w http.ResponseWriter, r *http.Request, up http.Handler)) func(http.Handler) http.Handler {
		return func(up http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, up) })
		}
	}
	misused := func(change func(*guard.Policy)) func(http.Handler) http.Handler { return guarded(t, change).Handler }
	for name, c := range map[string]struct {
		server func(http.Handler) http.Handler
		attack string
	}{
		"forwards before it decides": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			body, _ := io.ReadAll(r.Body)
			early := r.Clone(r.Context())
			early.Body = io.NopCloser(bytes.NewReader(body))
			up.ServeHTTP(httptest.NewRecorder(), early)
			r.Body = io.NopCloser(bytes.NewReader(body))
			g.Handler(up).ServeHTTP(w, r)
		}), "injection/plain"},
		"looks at requests alone": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { up.ServeHTTP(w, r) })).ServeHTTP(httptest.NewRecorder(), r)
		}), "leak/tokens"},
		"looks at answers alone": {misused(func(p *guard.Policy) {
			p.Rules, p.Output = make(map[string]guard.Mode), make(map[string]guard.Mode)
			for _, id := range detect.IDs() {
				p.Rules[id], p.Output[id] = guard.ModeOff, guard.ModeBlock
			}
		}), "injection/plain"},
		"ignores streams": {func(up http.Handler) http.Handler {
			return before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Stream") == "" {
					g.Handler(up).ServeHTTP(w, r)
					return
				}
				g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { up.ServeHTTP(w, r) })).ServeHTTP(httptest.NewRecorder(), r)
			}), func(r *http.Request, body []byte) []byte {
				if bytes.Contains(body, []byte(`"stream":true`)) {
					r.Header.Set("X-Stream", "1")
				}
				return body
			})
		}, "leak/tokens"},
		"drops flushes": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			g.Handler(up).ServeHTTP(struct{ http.ResponseWriter }{w}, r)
		}), "stream/flush"},
		"buffers the whole stream": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			rec := httptest.NewRecorder()
			g.Handler(up).ServeHTTP(rec, r)
			maps.Copy(w.Header(), rec.Header())
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		}), "stream/flush"},
		"forwards another body": {func(up http.Handler) http.Handler {
			return g.Handler(before(up, func(_ *http.Request, body []byte) []byte {
				var v any
				if json.Unmarshal(body, &v) == nil {
					body, _ = json.Marshal(v)
				}
				return body
			}))
		}, "benign/plain"},
		"lets duplicate keys through": {func(up http.Handler) http.Handler {
			return before(g.Handler(up), func(_ *http.Request, body []byte) []byte {
				var v map[string]json.RawMessage
				if json.Unmarshal(body, &v) == nil {
					body, _ = json.Marshal(v)
				}
				return body
			})
		}, "json/duplicate key"},
		"lets trailing data through": {func(up http.Handler) http.Handler {
			return before(g.Handler(up), func(_ *http.Request, body []byte) []byte {
				var v json.RawMessage
				if json.NewDecoder(bytes.NewReader(body)).Decode(&v) == nil {
					body = v
				}
				return body
			})
		}, "json/second document"},
		"repairs UTF-8": {func(up http.Handler) http.Handler {
			return before(g.Handler(up), func(r *http.Request, body []byte) []byte {
				if r.Header.Get("Content-Encoding") == "" {
					body = bytes.ToValidUTF8(body, []byte("?"))
				}
				return body
			})
		}, "json/invalid UTF-8"},
		"sends the leak before it cuts": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			var sent bytes.Buffer
			g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				up.ServeHTTP(writer{ResponseWriter: w, write: func(p []byte) (int, error) {
					n, err := w.Write(p)
					if sent.Write(p); bytes.Contains(sent.Bytes(), []byte(guardtest.Canary)) {
						panic(http.ErrAbortHandler)
					}
					return n, err
				}}, r)
			})).ServeHTTP(httptest.NewRecorder(), r)
		}), "leak/one piece"},
		// The classic wrong fix: it sees a leak over several events when the first of them have gone.
		"looks back and holds nothing": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if !bytes.Contains(body, []byte(`"stream":true`)) {
				g.Handler(up).ServeHTTP(w, r)
				return
			}
			ctx, cancel := context.WithCancel(r.Context())
			kind, sent, over := guard.KindChat, "", false
			if strings.HasSuffix(r.URL.Path, "messages") {
				kind = guard.KindMessages
			}
			up.ServeHTTP(writer{ResponseWriter: w, write: func(p []byte) (int, error) {
				sent += string(p)
				if a, _ := guardtest.Read(kind, sent, true); over || strings.Contains(a.Text, guardtest.Canary) {
					if cancel(); !over {
						d, _ := api.New(kind)
						_, _ = w.Write(d.AppendDenial(nil, api.Problem{Status: 400, Code: guard.CodeContent}))
					}
					over = true
					return 0, io.ErrClosedPipe
				}
				return w.Write(p)
			}}, r.WithContext(ctx))
		}), "leak/tokens"},
		"cuts the connection in place of an error": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			g.Handler(up).ServeHTTP(writer{ResponseWriter: w, write: func(p []byte) (int, error) {
				if bytes.Contains(p, []byte("content_filter")) && strings.Contains(w.Header().Get("Content-Type"), "stream") {
					panic(http.ErrAbortHandler)
				}
				return w.Write(p)
			}}, r)
		}), "leak/tokens"},
		"answers faults with 200": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			g.Handler(up).ServeHTTP(writer{ResponseWriter: w, status: func(s int) {
				if s == 500 {
					s = 200
				}
				w.WriteHeader(s)
			}}, r)
		}), "fault/panic"},
		"passes unknown routes": {func(up http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, k := range guardtest.Kinds() {
					if r.URL.Path == guardtest.Path(k) {
						g.Handler(up).ServeHTTP(w, r)
						return
					}
				}
				up.ServeHTTP(w, r)
			})
		}, "route/unknown"},
		"cleans paths": {func(up http.Handler) http.Handler {
			return before(g.Handler(up), func(r *http.Request, body []byte) []byte {
				r.URL.Path = "/" + strings.Trim(r.URL.Path, "/")
				return body
			})
		}, "route/trailing slash"},
		"passes websockets": {func(up http.Handler) http.Handler {
			return before(g.Handler(up), func(r *http.Request, body []byte) []byte {
				r.Header.Del("Upgrade")
				r.Header.Del("Connection")
				return body
			})
		}, "route/websocket"},
		"does not look at response headers": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			g.Handler(http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
				up.ServeHTTP(writer{ResponseWriter: inner, status: func(s int) {
					if note := inner.Header().Get("X-Note"); note != "" {
						inner.Header().Del("X-Note")
						w.Header().Set("X-Note", note)
					}
					inner.WriteHeader(s)
				}}, r)
			})).ServeHTTP(w, r)
		}), "answer/header"},
		"does not look at compressed bodies": {func(up http.Handler) http.Handler {
			plain := before(up, func(_ *http.Request, body []byte) []byte {
				if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
					body, _ = io.ReadAll(z)
				}
				return body
			})
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Content-Encoding") == "gzip" {
					plain.ServeHTTP(w, r)
					return
				}
				g.Handler(up).ServeHTTP(w, r)
			})
		}, "encoding/injection in gzip"},
		"takes any content type": {func(up http.Handler) http.Handler {
			return before(g.Handler(up), func(r *http.Request, body []byte) []byte {
				r.Header.Set("Content-Type", "application/json")
				return body
			})
		}, "encoding/form"},
		"does not look at errors of the upstream": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			g.Handler(http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				up.ServeHTTP(rec, r)
				to := inner
				if rec.Code >= 400 {
					to = w
				}
				maps.Copy(to.Header(), rec.Header())
				to.WriteHeader(rec.Code)
				_, _ = to.Write(rec.Body.Bytes())
			})).ServeHTTP(w, r)
		}), "answer/error"},
		"guards chat alone": {func(up http.Handler) http.Handler {
			chat := guard.Routes(guard.KindChat)[0].Path
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == chat {
					g.Handler(up).ServeHTTP(w, r)
					return
				}
				up.ServeHTTP(w, r)
			})
		}, "injection/plain"},
		"speaks one dialect when it refuses": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			rec := httptest.NewRecorder()
			g.Handler(up).ServeHTTP(rec, r)
			if rec.Code == 400 {
				d, _ := api.New(api.OpenAIChat)
				rec.Body = bytes.NewBuffer(d.AppendError(nil, api.Problem{Status: 400, Code: "content_filter"}))
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		}), "injection/plain"},
		"lets the upstream go on": {serve(func(w http.ResponseWriter, r *http.Request, up http.Handler) {
			g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				up.ServeHTTP(writer{ResponseWriter: w, write: func(p []byte) (int, error) { _, _ = w.Write(p); return len(p), nil }}, r.WithContext(context.WithoutCancel(r.Context())))
			})).ServeHTTP(w, r)
		}), "stream/cancel"},
		"knows no canary":     {misused(func(p *guard.Policy) { p.Canary = nil }), "leak/tokens"},
		"monitors":            {misused(func(p *guard.Policy) { p.Output = map[string]guard.Mode{detect.RuleCanary: guard.ModeMonitor} }), "leak/tokens"},
		"refuses everything":  {misused(func(p *guard.Policy) { p.Routes = nil }), "benign/plain"},
		"is not there at all": {func(up http.Handler) http.Handler { return up }, "injection/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := guardtest.Check(t.Context(), c.server, guard.KindChat, guard.KindMessages)
			if err != nil {
				t.Fatal(err)
			}
			found(t, report, c.attack)
		})
	}
}

func found(t *testing.T, r guardtest.Report, attack string) {
	t.Helper()
	if !slices.ContainsFunc(r.Failures, func(f guardtest.Failure) bool { return f.Attack == attack }) {
		t.Errorf("%d failures, none of them %s: %.800v", len(r.Failures), attack, r.Failures)
	}
}

// Every class is checked on every route, whole and streamed; what an embedding cannot have is named.
func TestEveryCellIsChecked(t *testing.T) {
	report, err := guardtest.Check(t.Context(), guarded(t, nil).Handler)
	if err != nil {
		t.Fatal(err)
	}
	checks := map[string]int{}
	for _, c := range report.Cells {
		if checks[c.Name()] = c.Checks; c.Failed != 0 {
			t.Errorf("%s: %d failed", c.Name(), c.Failed)
		}
	}
	for _, k := range guardtest.Kinds() {
		for _, stream := range []bool{false, true} {
			for _, class := range []string{"injection", "disguise", "placement", "json", "structure", "encoding", "route", "benign", "leak", "prose", "answer", "fault", "stream"} {
				text := k != api.OpenAIEmbeddings && k != api.OllamaEmbed
				want := (!stream || guardtest.Streams(k)) && (class != "stream" || stream) && (text || class != "leak" && class != "prose")
				if c := (guardtest.Cell{Kind: k, Stream: stream, Class: class}); (checks[c.Name()] > 0) != want {
					t.Errorf("%s: %d checks", c.Name(), checks[c.Name()])
				}
			}
		}
	}
	if table := report.String(); strings.Count(table, "\n") != 15 || !strings.Contains(table, "openai.chat/stream") {
		t.Errorf("table:\n%s", table)
	}
}

// forwarding is a process of its own, as far as the kit can tell: a server that guards a reverse proxy.
func forwarding(t *testing.T, guarded func(http.Handler) http.Handler) func(context.Context, string) (string, error) {
	return func(_ context.Context, upstream string) (string, error) {
		u, err := url.Parse(upstream)
		if err != nil {
			return "", err
		}
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		}
		s := httptest.NewUnstartedServer(guarded(proxy))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		s.Start()
		t.Cleanup(s.Close)
		return s.URL, nil
	}
}

// The kit passes on a server that it only knows by its address, and asks for a key.
func TestGuardConformsByURL(t *testing.T) {
	g := guarded(t, nil)
	guardtest.ConformURL(t, guardtest.Remote{
		Start: forwarding(t, func(up http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer k" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				g.Handler(up).ServeHTTP(w, r)
			})
		}),
		Header:   http.Header{"authorization": {"Bearer k"}},
		Patience: 5 * time.Second,
	})
}

// Broken servers are found by their address, too, at an upstream of a fixed one.
func TestKitFindsBrokenServersByURL(t *testing.T) {
	g := guarded(t, nil)
	for attack, server := range map[string]func(http.Handler) http.Handler{
		"injection/plain": func(up http.Handler) http.Handler { return up },
		"stream/flush": func(up http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				g.Handler(up).ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		},
		"leak/tokens": guarded(t, func(p *guard.Policy) { p.Canary = nil }).Handler,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		url, err := forwarding(t, server)(t.Context(), "http://"+address)
		if err != nil {
			t.Fatal(err)
		}
		l.Close() // the server under test could take the address itself before
		report, err := guardtest.CheckURL(t.Context(), guardtest.Remote{URL: url + "/", Upstream: address}, guard.KindChat)
		if err != nil {
			t.Fatal(err)
		}
		found(t, report, attack)
	}
}

// A server that is not there has passed nothing.
func TestRemoteErrors(t *testing.T) {
	nobody := func(context.Context, string) (string, error) { return "http://127.0.0.1:1", nil }
	for name, r := range map[string]guardtest.Remote{
		"nothing":     {},
		"no upstream": {URL: "http://127.0.0.1:1"},
		"both":        {URL: "http://127.0.0.1:1", Start: nobody},
		"nobody":      {Start: nobody},
		"no URL":      {Start: func(context.Context, string) (string, error) { return "x", nil }},
		"start":       {Start: func(context.Context, string) (string, error) { return "", context.Canceled }},
		"upstream":    {URL: "http://127.0.0.1:1", Upstream: "256.0.0.1:x"},
	} {
		if report, err := guardtest.CheckURL(t.Context(), r); err == nil || len(report.Cells) != 0 {
			t.Errorf("%s: %v, %v", name, report, err)
		}
	}
}
