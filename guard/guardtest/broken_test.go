package guardtest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

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
