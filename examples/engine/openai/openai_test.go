package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/examples/engine"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func newServer(t testing.TB) *httptest.Server {
	t.Helper()
	e, err := engine.Open(t.Context(), os.DirFS(filepath.Join(testkit.Root(t), "models", "harbor-tiny")))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(New(e, "harbor-tiny"))
	t.Cleanup(s.Close)
	return s
}

func post(t testing.TB, s *httptest.Server, body string) (int, []byte) {
	t.Helper()
	res, err := s.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, data
}

// with returns a good greedy request with more fields.
func with(more string) string {
	return `{"model":"harbor-tiny","messages":[{"role":"user","content":"Hello."}],"temperature":0` + more + `}`
}

func complete(t testing.TB, s *httptest.Server, body string) completion {
	t.Helper()
	status, data := post(t, s, body)
	var c completion
	if err := json.Unmarshal(data, &c); err != nil || status != 200 || len(c.Choices) != 1 || c.Choices[0].Message == nil || c.Choices[0].Finish == nil || c.Usage == nil {
		t.Fatalf("%d %s %v", status, data, err)
	}
	return c
}

func TestPlain(t *testing.T) {
	s := newServer(t)
	c := complete(t, s, with(""))
	if c.Object != "chat.completion" || c.Model != "harbor-tiny" || *c.Choices[0].Finish != "stop" || *c.Choices[0].Message.Content == "" ||
		c.Usage.Prompt < 5 || c.Usage.Completion < 2 || c.Usage.Total != c.Usage.Prompt+c.Usage.Completion {
		t.Errorf("%+v %+v", c, c.Usage)
	}
	if cut := complete(t, s, with(`,"max_tokens":3`)); *cut.Choices[0].Finish != "length" || cut.Usage.Completion != 3 {
		t.Errorf("%+v", cut)
	}
	parts := strings.Replace(with(""), `"Hello."`, `[{"type":"text","text":"Hel"},{"text":"lo.","type":"text"}]`, 1)
	if p := complete(t, s, parts); *p.Choices[0].Message.Content != *c.Choices[0].Message.Content {
		t.Error("parts and text differ")
	}
	warm := strings.Replace(with(`,"seed":5,"top_p":0.9`), `"temperature":0`, `"temperature":2`, 1)
	if a, b := complete(t, s, warm), complete(t, s, warm); *a.Choices[0].Message.Content != *b.Choices[0].Message.Content {
		t.Error("one seed, two texts")
	}
}

func TestStream(t *testing.T) {
	s := newServer(t)
	want := complete(t, s, with(""))
	_, data := post(t, s, with(`,"stream":true,"stream_options":{"include_usage":true}`))
	var text strings.Builder
	var finish strings.Builder
	var last completion
	events := strings.Split(strings.TrimSuffix(string(data), "\n\n"), "\n\n")
	for i, e := range events {
		payload, ok := strings.CutPrefix(e, "data: ")
		if !ok || (payload == "[DONE]") != (i == len(events)-1) {
			t.Fatalf("event %q", e)
		}
		if payload == "[DONE]" {
			break
		}
		last = completion{}
		if err := json.Unmarshal([]byte(payload), &last); err != nil || last.Object != "chat.completion.chunk" {
			t.Fatalf("%v %q", err, payload)
		}
		for _, c := range last.Choices {
			if c.Delta.Content != nil {
				text.WriteString(*c.Delta.Content)
			}
			if c.Finish != nil {
				finish.WriteString(*c.Finish)
			}
		}
	}
	if text.String() != *want.Choices[0].Message.Content || finish.String() != "stop" || last.Usage == nil || *last.Usage != *want.Usage || len(last.Choices) != 0 {
		t.Errorf("%q %q %+v, want %q", text.String(), finish.String(), last, *want.Choices[0].Message.Content)
	}
	if !strings.Contains(string(data), `"choices":[]`) {
		t.Error("the usage chunk has no empty list of choices")
	}
}

// TestRefused: a request is honoured as it stands or refused, beside a twin without the field.
func TestRefused(t *testing.T) {
	s := newServer(t)
	complete(t, s, with(`,"n":1,"user":"u","stop":null,"logprobs":false,"presence_penalty":0,"response_format":{"type":"text"},"max_tokens":2`)) // the twin
	long := strings.Repeat("harbour ", 600)
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{with(`,"n":2`), 400, "unsupported_parameter"},
		{with(`,"tools":[]`), 400, "unsupported_parameter"},
		{with(`,"functions":[]`), 400, "unsupported_parameter"},
		{with(`,"stop":"x"`), 400, "unsupported_parameter"},
		{with(`,"logprobs":true`), 400, "unsupported_parameter"},
		{with(`,"logit_bias":{"1":2}`), 400, "unsupported_parameter"},
		{with(`,"presence_penalty":0.5`), 400, "unsupported_parameter"},
		{with(`,"response_format":{"type":"json_object"}`), 400, "unsupported_parameter"},
		{with(`,"CANARY":1`), 400, "unsupported_parameter"},
		{with(`,"Stream":true`), 400, "unsupported_parameter"},
		{with(`,"stream_options":{"include_usage":true}`), 400, ""},
		{with(`,"max_tokens":0`), 400, ""},
		{with(`,"max_tokens":1.5`), 400, ""},
		{with(`,"max_tokens":1,"max_completion_tokens":1`), 400, ""},
		{with(`,"top_p":1.1`), 400, ""},
		{with(`,"seed":"CANARY"`), 400, ""},
		{with(`,"temperature":1`), 400, ""}, // twice
		{with("") + "{}", 400, ""},
		{`[]`, 400, ""},
		{``, 400, ""},
		{`{"model":"harbor-tiny","messages":[]}`, 400, ""},
		{`{"model":"harbor-tiny","messages":null}`, 400, ""},
		{`{"messages":[{"role":"user","content":"x"}]}`, 400, ""},
		{strings.Replace(with(""), `"temperature":0`, `"temperature":2.1`, 1), 400, ""},
		{strings.Replace(with(""), `"user"`, `"CANARY"`, 1), 400, ""},
		{strings.Replace(with(""), `"user"`, `"bos"`, 1), 400, ""},
		{strings.Replace(with(""), `"Hello."`, `null`, 1), 400, ""},
		{strings.Replace(with(""), `"Hello."`, `"CANARY","name":"x"`, 1), 400, ""},
		{strings.Replace(with(""), `"Hello."`, `"a","content":"CANARY"`, 1), 400, ""},
		{strings.Replace(with(""), `"Hello."`, `[{"type":"image_url","image_url":"CANARY"}]`, 1), 400, ""},
		{strings.Replace(with(""), `"Hello."`, "\"CANARY\xff\"", 1), 400, ""},
		{strings.Replace(with(""), `Hello.`, long, 1), 400, "context_length_exceeded"},
		{strings.Replace(with(`,"stream":true`), `Hello.`, long, 1), 400, "context_length_exceeded"},
		{strings.Replace(with(""), `"harbor-tiny"`, `"CANARY"`, 1), 404, "model_not_found"},
		{with(strings.Repeat(" ", maxBody)), 413, ""},
	} {
		status, data := post(t, s, c.body)
		var e struct{ Error *apiError }
		if err := json.Unmarshal(data, &e); err != nil || e.Error == nil || e.Error.Type == "" || e.Error.Message == "" {
			t.Errorf("%.80s: not the error form: %s", c.body, data)
			continue
		}
		code := ""
		if e.Error.Code != nil {
			code = *e.Error.Code
		}
		if status != c.status || code != c.code {
			t.Errorf("%.120s: %d %q %s, want %d %q", c.body, status, code, data, c.status, c.code)
		}
		if strings.Contains(string(data), "CANARY") {
			t.Errorf("the answer quotes the request: %s", data)
		}
	}
}

func TestModels(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]int{"/v1/models": 200, "/v1/other": 404, "/v1/chat/completions": 404} {
		res, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			Object string
			Data   []modelEntry
			Error  *apiError
		}
		if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != want || (body.Error == nil) != (want == 200) {
			t.Errorf("%s: %d %v", path, res.StatusCode, err)
		}
		if want == 200 && (body.Object != "list" || len(body.Data) != 1 || body.Data[0].ID != "harbor-tiny") {
			t.Errorf("%+v", body)
		}
		_ = res.Body.Close()
	}
}

// The guard's default policy has a route for health, which must lead somewhere.
func TestHealth(t *testing.T) {
	s := newServer(t)
	for method, want := range map[string]int{http.MethodGet: 200, http.MethodPost: 404} {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", method, res.StatusCode, want)
		}
		_ = res.Body.Close()
	}
}

// slowWriter cancels the request after a few writes and counts those that follow.
type slowWriter struct {
	*httptest.ResponseRecorder
	writes, flushes int
	cancel          func()
}

func (w *slowWriter) Write(p []byte) (int, error) {
	if w.writes++; w.writes == 3 {
		w.cancel()
	}
	return w.ResponseRecorder.Write(p)
}

func (w *slowWriter) Flush() { w.flushes++ }

// TestCancelled: a client that left ends the generation, and each event is flushed.
func TestCancelled(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	w := &slowWriter{ResponseRecorder: httptest.NewRecorder(), cancel: cancel}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(with(`,"stream":true`)))
	s.Config.Handler.ServeHTTP(w, r)
	if w.writes != 4 || w.flushes != 4 || strings.Contains(w.Body.String(), "[DONE]") { // role, two pieces, error
		t.Errorf("%d writes, %d flushes: %s", w.writes, w.flushes, w.Body)
	}
}

// TestEventStream: the answer is an event stream of unknown length. That each event is flushed, TestCancelled counts.
func TestEventStream(t *testing.T) {
	s := newServer(t)
	res, err := s.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(with(`,"stream":true`)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "data: {") || res.Header.Get("Content-Type") != "text/event-stream" || res.ContentLength != -1 {
		t.Errorf("%q %v", line, err)
	}
}

// FuzzParse: no body makes the parser panic, and what it accepts is within bounds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(with(`,"n":1,"stream":true,"stream_options":{"include_usage":true}`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parse(body)
		if err != nil {
			return
		}
		if r.Model == "" || len(r.Messages) == 0 || r.Params.Temperature < 0 || r.Params.Temperature > 2 || r.Params.TopP <= 0 || r.Params.TopP > 1 || r.Params.MaxTokens < 0 {
			t.Errorf("%+v", r.Params)
		}
	})
}
