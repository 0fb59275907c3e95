// Package openai serves an engine in the form of the OpenAI API: POST /v1/chat/completions, plain and streamed, and
// GET /v1/models, beside GET /healthz. A request that asks for what the engine does not do (several choices, tools, stop sequences, penalties,
// log probabilities, …) is answered with an error and never served as if it had not asked.
//
// The handler has no authentication and no limits but the size of a body: it belongs behind a guard.
package openai

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/examples/engine"
)

// New returns a handler that serves e under the given model name. It is safe for concurrent use and does not queue.
func New(e *engine.Engine, model string) http.Handler {
	s := &server{engine: e, model: model, started: time.Now().Unix()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { // nothing is served before the engine is ready
		write(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, &apiError{status: http.StatusNotFound, Message: "no such route or method", Type: "invalid_request_error"})
	})
	return mux
}

type server struct {
	engine  *engine.Engine
	model   string
	started int64 // Unix time, in seconds
}

type modelEntry struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"object": "list", "data": []modelEntry{{s.model, "model", s.started, "holdfast"}}})
}

func (s *server) chat(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			fail(w, &apiError{status: http.StatusRequestEntityTooLarge, Message: "body is too large", Type: "invalid_request_error"})
			return
		}
		fail(w, invalid("", "", "body could not be read"))
		return
	}
	req, err := parse(body)
	if err == nil && req.Model != s.model {
		code := "model_not_found"
		err = &apiError{status: http.StatusNotFound, Message: "the model does not exist", Type: "invalid_request_error", Code: &code}
	}
	var prompt []int
	if err == nil {
		prompt, err = s.engine.Chat(req.Messages)
	}
	if err == nil && len(prompt) >= s.engine.Context() {
		err = engine.ErrContext // before a stream begins
	}
	if err != nil {
		fail(w, asAPI(err))
		return
	}
	a := answer{id: "chatcmpl-" + rand.Text(), created: time.Now().Unix(), model: s.model}
	if req.Stream {
		s.stream(r.Context(), w, req, prompt, a)
		return
	}
	var text strings.Builder
	res, err := s.engine.Generate(r.Context(), prompt, req.Params, func(t string) error { text.WriteString(t); return nil })
	if err != nil {
		if r.Context().Err() == nil { // else nobody is there to answer
			fail(w, asAPI(err))
		}
		return
	}
	content := text.String()
	c := a.chunk("chat.completion")
	c.Choices = []choice{{Message: &message{Role: "assistant", Content: &content}, Finish: &res.Finish}}
	c.Usage = usageOf(res)
	write(w, http.StatusOK, c)
}

// stream sends server-sent events, each flushed as it is made. An error after the first is sent as an event, and the
// stream then ends without [DONE].
func (s *server) stream(ctx context.Context, w http.ResponseWriter, req request, prompt []int, a answer) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	rc := http.NewResponseController(w)
	send := func(v any) error {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(append([]byte("data: "), data...), "\n\n"...)); err != nil {
			return err
		}
		return rc.Flush()
	}
	delta := func(m message, finish *string) error {
		c := a.chunk("chat.completion.chunk")
		c.Choices = []choice{{Delta: &m, Finish: finish}}
		return send(c)
	}
	empty := ""
	if delta(message{Role: "assistant", Content: &empty}, nil) != nil {
		return
	}
	res, err := s.engine.Generate(ctx, prompt, req.Params, func(t string) error { return delta(message{Content: &t}, nil) })
	if err != nil {
		_ = send(map[string]any{"error": asAPI(err)}) // the client may be gone
		return
	}
	if delta(message{}, &res.Finish) != nil {
		return
	}
	if req.Usage {
		c := a.chunk("chat.completion.chunk")
		c.Choices, c.Usage = []choice{}, usageOf(res)
		if send(c) != nil {
			return
		}
	}
	if _, err := io.WriteString(w, "data: [DONE]\n\n"); err == nil {
		_ = rc.Flush()
	}
}

// asAPI says what the client can do about an error. The text of an error that is not the client's is not sent.
func asAPI(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	switch {
	case errors.Is(err, engine.ErrContext):
		return invalid("messages", "context_length_exceeded", "the messages exceed the model's context")
	case errors.Is(err, engine.ErrRequest):
		return invalid("", "", "a message has an unknown role or a parameter is out of range")
	case errors.Is(err, engine.ErrUnsupported):
		return invalid("messages", "unsupported_model", "the model's chat template is not supported")
	}
	return &apiError{status: http.StatusInternalServerError, Message: "the model failed", Type: "server_error"}
}

func fail(w http.ResponseWriter, e *apiError) { write(w, e.status, map[string]any{"error": e}) }

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
