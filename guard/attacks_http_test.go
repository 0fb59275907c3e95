package guard_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

func Test05ContentTypes(t *testing.T) {
	g := newGuard(t, all())
	// A field of a form holds JSON, or a boundary is in the JSON: neither is plain JSON.
	for ct, body := range map[string]string{
		"multipart/form-data; boundary=x":   "--x\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: application/json\r\n\r\n" + hello + "\r\n--x--\r\n",
		"multipart/mixed; boundary=\"x\"":   "--x\r\n\r\n" + hello + "\r\n--x--",
		"application/x-www-form-urlencoded": "payload=" + hello,
		"application/json; boundary=x":      hello,
	} {
		up := &guardtest.Upstream{Body: "{}"}
		if w := serve(g.Handler(up), guardtest.Request{Body: body, Header: http.Header{"Content-Type": {ct}}}); w.Code != 415 || up.Ran() != 0 {
			t.Errorf("%q: %d", ct, w.Code)
		}
	}
	for k, body := range asks {
		for _, ct := range [][]string{nil, {"text/plain"}, {"application/json", "application/json"}, {"application/json; charset=utf-16"}, {"multipart/form-data; boundary=x"},
			{"application/x-www-form-urlencoded"}, {"application/json;charset=utf-8;charset=utf-16"}, {"application/json, text/plain"}, {"application/octet-stream"}} {
			up := &guardtest.Upstream{Body: "{}"}
			r := httptest.NewRequest("POST", strings.Replace(guard.Routes(k)[0].Path, "*", "m", 1), strings.NewReader(body))
			if ct != nil {
				r.Header["Content-Type"] = ct
			}
			w := httptest.NewRecorder()
			if g.Handler(up).ServeHTTP(w, r); w.Code != 415 || up.Ran() != 0 {
				t.Errorf("%s %q: %d", k, ct, w.Code)
			}
		}
	}
}

func zip(parts ...string) string {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		io.WriteString(z, p)
		z.Close()
	}
	return b.String()
}

func Test06ContentEncodings(t *testing.T) {
	p := all()
	reverse := func(r io.Reader) (io.ReadCloser, error) { // a coding of our own
		b, err := io.ReadAll(r)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		return io.NopCloser(bytes.NewReader(b)), err
	}
	g := newGuard(t, p, guard.WithDecoder("rev", reverse))
	long := guardtest.Chat(strings.Repeat("the tide is high ", 20_000))
	for name, c := range map[string]struct {
		encoding []string
		body     string
		status   int
	}{
		"gzip":               {[]string{"gzip"}, zip(hello), 200},
		"upper case":         {[]string{"GZIP"}, zip(hello), 200},
		"well compressed":    {[]string{"gzip"}, zip(guardtest.Chat(strings.Repeat("a b ", 4_000))), 200},
		"injection":          {[]string{"gzip"}, zip(guardtest.Chat(attack)), 400},
		"added":              {[]string{"rev"}, "}]}\"ih\":\"tnetnoc\",\"resu\":\"elor\"{[:\"segassem\",\"m\":\"ledom\"{", 200},
		"ratio":              {[]string{"gzip"}, zip(long), 413},
		"size":               {[]string{"gzip"}, zip(strings.Repeat(" ", 64<<20)), 413},
		"two members":        {[]string{"gzip"}, zip(hello, " "), 400},
		"bytes behind":       {[]string{"gzip"}, zip(hello) + "x", 400},
		"cut":                {[]string{"gzip"}, zip(hello)[:40], 400},
		"checksum":           {[]string{"gzip"}, zip(hello)[:len(zip(hello))-8] + "\x00\x00\x00\x00\x00\x00\x00\x00", 400},
		"stacked":            {[]string{"gzip, gzip"}, zip(zip(hello)), 415},
		"two headers":        {[]string{"gzip", "identity"}, zip(hello), 415},
		"unknown":            {[]string{"br"}, hello, 415},
		"empty":              {[]string{""}, hello, 415},
		"plain as gzip":      {[]string{"gzip"}, hello, 400},
		"gzip that is plain": {[]string{"identity"}, zip(hello), 400},
	} {
		up := &guardtest.Upstream{Pieces: []string{"x"}}
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(c.body))
		r.Header["Content-Type"], r.Header["Content-Encoding"] = []string{"application/json"}, c.encoding
		w := httptest.NewRecorder()
		var seen http.Header
		g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = r.Header
			up.ServeHTTP(w, r)
		})).ServeHTTP(w, r)
		if w.Code != c.status || (up.Ran() == 1) != (c.status == 200) {
			t.Errorf("%s: %d, ran %d", name, w.Code, up.Ran())
		}
		if c.status == 200 && (seen["Content-Encoding"] != nil || !bytes.HasPrefix(up.LastBody(), []byte(`{"model"`))) {
			t.Errorf("%s: the upstream got %v %.80q", name, seen, up.LastBody())
		}
	}
}

// raw sends bytes over a connection and returns the status lines of the answers.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if line = strings.TrimSpace(line); err != nil || line != "" && !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			return line
		}
	}
}

func Test07FramingAndPaths(t *testing.T) {
	up := &guardtest.Upstream{Pieces: []string{"x"}}
	var trailer http.Header
	mux := http.NewServeMux() // behind the guard, as a server has it
	mux.HandleFunc("/v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		up.ServeHTTP(w, r)
		trailer = r.Trailer
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { t.Error("the guard was passed by") })
	srv := httptest.NewServer(newGuard(t, guard.DefaultPolicy()).Handler(mux))
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	head := func(line string, headers ...string) string {
		return line + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n" + strings.Join(append(headers, ""), "\r\n")
	}
	sized := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(hello), hello)
	chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Note: hidden\r\n\r\n", len(hello), hello)
	const post = "POST /v1/chat/completions"
	for name, c := range map[string]struct{ request, status string }{
		"plain":                 {head(post) + sized, "200"},
		"expectation":           {head(post, "Expect: 100-continue") + sized, "200"},
		"other expectation":     {head(post, "Expect: 200-ok") + sized, "417"},
		"too long":              {head(post) + "Content-Length: 99999999999\r\n\r\n" + hello, "413"},
		"length that is none":   {head(post) + "Content-Length: +5\r\n\r\nhello", "400"},
		"space before a colon":  {head(post) + "Content-Length : 5\r\n\r\nhello", "400"},
		"trailers":              {head(post, "Trailer: X-Note") + chunked, "200"},
		"absolute form":         {head("POST http://a/v1/chat/completions") + sized, "200"},
		"length and chunks":     {head(post, "Content-Length: 3") + chunked, "200"}, // read as chunks, and framed anew
		"two lengths":           {head(post, "Content-Length: 3") + sized, "400"},
		"unknown transfer":      {head(post) + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
		"h2c":                   {head(post, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__") + sized, "403"},
		"upgrade by connection": {strings.Replace(head(post), "Connection: close", "Connection: close, Upgrade", 1) + sized, "403"},
		"connect":               {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "404"},
		"override":              {head(post, "X-HTTP-Method-Override: GET") + sized, "403"},
		"expectation refused":   {head("POST /v1/other", "Expect: 100-continue") + sized, "404"},
		"dots":                  {head("POST /v1/x/../chat/completions") + sized, "404"}, "escaped dots": {head("POST /v1/%2e%2e/v1/chat/completions") + sized, "404"},
		"two slashes": {head("POST //v1/chat/completions") + sized, "404"}, "semicolon": {head("POST /v1/chat/completions;x=1") + sized, "404"},
		"trailing slash": {head("POST /v1/chat/completions/") + sized, "404"}, "case": {head("POST /V1/chat/completions") + sized, "404"},
		"escaped letter": {head("POST /v1/chat/completion%73") + sized, "404"}, "escaped slash": {head("POST /v1%2fchat/completions") + sized, "404"},
		"query": {head("POST /v1/chat/completions?x") + sized, "404"}, "empty query": {head("POST /v1/chat/completions?") + sized, "404"},
		"backslash": {head(`POST /v1\chat/completions`) + sized, "404"}, "null": {head("POST /v1/chat/completions%00") + sized, "404"},
		"GET with a body": {head("GET /v1/models") + sized, "400"}, "lower case method": {head("post /v1/chat/completions") + sized, "404"},
	} {
		before := up.Ran()
		line := raw(t, addr, c.request)
		if !strings.HasPrefix(line, "HTTP/1.1 "+c.status+" ") || (up.Ran() > before) != (c.status == "200") {
			t.Errorf("%s: %q, ran %d", name, line, up.Ran()-before)
		}
	}
	if len(trailer) > 0 {
		t.Error("trailers of the request went through:", trailer)
	}
	if line := raw(t, addr, strings.Replace(head(post), "HTTP/1.1", "HTTP/1.0", 1)+sized); !strings.Contains(line, " 200 ") {
		t.Error("HTTP/1.0:", line)
	}
}

// What bodies must not say, headers do not say either: which worker, or what host, answers a request, and under whose name it runs.
func Test07HeadersThatSteer(t *testing.T) {
	var got []http.Header
	h := newGuard(t, guard.DefaultPolicy()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Clone())
		io.WriteString(w, guardtest.Completion("hi"))
	}))
	for range 2 {
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(hello))
		r.Header.Set("Content-Type", "application/json")
		for _, name := range []string{"x-data-parallel-rank", "x-prefiller-host-port", "X-Prefiller-URL", "x-data-host-port", "x-encoder-hosts-ports", "x-gateway-destination-endpoint", "X-SMG-Target-Worker",
			"x_data_parallel_rank", "X-Data_Parallel-Rank", "X_SMG_TARGET_WORKER", "x_request_id"} { // as servers read them that take "_" for "-"
			r.Header.Set(name, "127.0.0.1:1")
		}
		r.Header["X-Request-Id"] = []string{"another's", "b"}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
	}
	for _, h := range got {
		for name, v := range h {
			if v[0] == "127.0.0.1:1" {
				t.Errorf("%s goes on", name)
			}
		}
		if id := h["X-Request-Id"]; len(id) != 1 || !strings.HasPrefix(id[0], "another's-") || len(id[0]) < 30 {
			t.Errorf("request id %q", id)
		}
	}
	if got[0].Get("X-Request-Id") == got[1].Get("X-Request-Id") {
		t.Error("two requests have one name")
	}
}

func Test15KeysAreNotInURLs(t *testing.T) {
	up := &guardtest.Upstream{}
	h := newGuard(t, guard.DefaultPolicy()).Handler(up)
	if w := serve(h, guardtest.Request{Path: "/v1/chat/completions?api_key=secret"}); w.Code != 404 || up.Ran() != 0 || strings.Contains(w.Body.String(), "secret") {
		t.Error(w.Code, w.Body)
	}
}

func Test16RealtimeIsDenied(t *testing.T) {
	up := &guardtest.Upstream{}
	h := newGuard(t, all()).Handler(up)
	for _, r := range []guardtest.Request{
		{Method: "GET", Path: "/v1/realtime", Header: http.Header{"Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"}}}, {Path: "/v1/realtime/client_secrets"}, {Path: "/v1/realtime/sessions"},
		{Header: http.Header{"Upgrade": {"websocket"}}}, {Path: "/api/pull"}, {Path: "/api/create"}, {Method: "DELETE", Path: "/api/delete"}, {Path: "/api/blobs/sha256:aa"}, {Path: "/v1/files"}, {Path: "/v2/repository/models/m/unload"},
		{Path: "/v2/models/../../infer"}, {Path: "/v2/models/a/b/infer"}, {Path: "/v2/systemsharedmemory/region/r/register"},
	} {
		if w := serve(h, r); w.Code != 404 && w.Code != 403 || up.Ran() != 0 {
			t.Errorf("%+v: %d, ran %d", r, w.Code, up.Ran())
		}
	}
	switching := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) })
	if w := post(newGuard(t, all()).Handler(switching), hello); w.Code != 502 {
		t.Error("the upstream switches protocols:", w.Code)
	}
}

func Test18ResponseHeaders(t *testing.T) {
	policy := redacting(guard.ModeRedact)
	policy.Routes = append(policy.Routes, guard.Route{Method: "GET", Path: "/healthz", Kind: guard.KindPass})
	g := newGuard(t, policy)
	headers := func(w http.ResponseWriter) {
		for k, v := range map[string]string{"Etag": `"x"`, "Digest": "sha-256=x", "Content-Md5": "x", "X-Kept": "1", "Content-Length": "999"} {
			w.Header().Set(k, v)
		}
	}
	for _, body := range []string{hello, streamed} {
		w := post(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			headers(w)
			w.Header().Set(http.TrailerPrefix+"X-Sum", "x")
			(&guardtest.Upstream{Pieces: []string{canary}}).ServeHTTP(w, r)
		})), body)
		h := w.Result().Header
		if h["Etag"] != nil || h["Digest"] != nil || h["Content-Md5"] != nil || h.Get("X-Kept") != "1" || strings.Contains(w.Body.String(), canary) || len(w.Result().Trailer) > 0 {
			t.Errorf("%v\n%s", h, w.Body)
		}
		if l := h.Get("Content-Length"); l != "" && l != fmt.Sprint(w.Body.Len()) {
			t.Errorf("length %s of %d", l, w.Body.Len())
		}
	}
	for _, status := range []int{204, 304} {
		w := post(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })), hello)
		if w.Code != status || w.Body.Len() > 0 || w.Header()["Content-Length"] != nil {
			t.Errorf("%d: %d %v", status, w.Code, w.Header())
		}
	}
	w := post(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", canary)
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		io.WriteString(w, `{"choices":[]}`)
	})), hello)
	if w.Code != 200 || w.Body.String() != `{"choices":[]}` || w.Header()["Link"] != nil {
		t.Error("early hints:", w.Code, w.Header())
	}
	w = serve(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "x")
		w.Header().Set("X-Sum", "1")
	})), guardtest.Request{Method: "GET", Path: "/healthz"})
	if w.Result().Trailer.Get("X-Sum") != "1" {
		t.Error("the trailers of a route that is passed on:", w.Result().Trailer)
	}
	var length string
	p := guard.DefaultPolicy()
	p.Routes = append(p.Routes, guard.Route{Method: "HEAD", Path: "/v1/models", Kind: guard.KindPass})
	srv := httptest.NewServer(newGuard(t, p).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5") })))
	defer srv.Close()
	res, err := http.Head(srv.URL + "/v1/models")
	if err == nil {
		length = res.Header.Get("Content-Length")
		res.Body.Close()
	}
	if err != nil || length != "5" {
		t.Error("HEAD:", err, length)
	}
}
