package engine

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// oneFile is a file system that holds one file of the machine.
func oneFile(t testing.TB, path string) fs.FS {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{filepath.Base(path): {Data: data}}
}

func open(t testing.TB, src fs.FS) *Engine {
	t.Helper()
	e, err := Open(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// generate runs greedily for n tokens and returns them with the streamed text.
func generate(t testing.TB, e *Engine, prompt []int, p Params) (Result, string) {
	t.Helper()
	var text strings.Builder
	res, err := e.Generate(t.Context(), prompt, p, func(s string) error { text.WriteString(s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return res, text.String()
}

// TestStories reproduces, from both files of one model, what a plain forward pass of another implementation gave.
func TestStories(t *testing.T) {
	var want struct {
		Cases []struct {
			Prompt string `json:"prompt"`
			IDs    []int  `json:"prompt_ids"`
			Next   []int  `json:"next_ids"`
			Text   string `json:"text"`
		} `json:"cases"`
		Tokenizer []struct {
			Text string `json:"text"`
			IDs  []int  `json:"ids"`
		} `json:"tokenizer"`
	}
	readJSON(t, testkit.Vectors(t, "models", "stories260k-expected.json"), &want)
	if len(want.Cases) == 0 || len(want.Tokenizer) == 0 {
		t.Fatal("no cases")
	}
	sources := map[string]fs.FS{
		"safetensors": os.DirFS(testkit.Vectors(t, "models", "stories260k-hf")),
		"gguf":        oneFile(t, testkit.Vectors(t, "models", "stories260K.gguf")),
	}
	for name, src := range sources {
		t.Run(name, func(t *testing.T) {
			e := open(t, src)
			for _, c := range want.Tokenizer {
				if got := e.tok.Encode(c.Text); !slices.Equal(got, c.IDs) {
					t.Errorf("ids of %q: %v, want %v", c.Text, got, c.IDs)
				}
				if got := e.Decode(c.IDs); got != " "+c.Text {
					t.Errorf("text of %v: %q, want %q", c.IDs, got, " "+c.Text)
				}
			}
			for _, c := range want.Cases {
				if got := e.Prompt(c.Prompt); !slices.Equal(got, c.IDs) {
					t.Errorf("prompt %q: %v, want %v", c.Prompt, got, c.IDs)
				}
				res, text := generate(t, e, c.IDs, Params{MaxTokens: len(c.Next)})
				if !slices.Equal(res.Tokens, c.Next) || text != c.Text || res.Finish != Length {
					t.Errorf("prompt %q: %v %q %s, want %v %q", c.Prompt, res.Tokens, text, res.Finish, c.Next, c.Text)
				}
			}
		})
	}
}

// TestTinyRandom runs float16 weights under a real vocabulary of 32,000 tokens. Its answer is noise, its ids are not.
func TestTinyRandom(t *testing.T) {
	e := open(t, oneFile(t, testkit.Vectors(t, "models", "llama-2-tiny-random.gguf")))
	// The ids of the Llama 2 tokenizer for this text are public knowledge.
	if got, want := e.Prompt("Hello world"), []int{1, 15043, 3186}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
	res, _ := generate(t, e, e.Prompt("Hello world"), Params{MaxTokens: 8})
	if len(res.Tokens) == 0 || res.Prompt != 3 {
		t.Errorf("result %+v", res)
	}
}

func harborTiny(t testing.TB) *Engine {
	t.Helper()
	return open(t, os.DirFS(filepath.Join(testkit.Root(t), "models", "harbor-tiny")))
}

type conversation []struct{ Role, Content string }

func (c conversation) messages() (out []Message) {
	for _, m := range c {
		out = append(out, Message(m))
	}
	return out
}

// TestHarborTiny reproduces what transformers gave for the model of this repository.
func TestHarborTiny(t *testing.T) {
	e := harborTiny(t)
	var want struct {
		Cases []struct {
			Messages conversation `json:"messages"`
			IDs      []int        `json:"prompt_ids"`
			Next     []int        `json:"next_ids"`
			Text     string       `json:"text"`
		} `json:"cases"`
	}
	readJSON(t, filepath.Join(testkit.Root(t), "models", "training", "expected.json"), &want)
	if len(want.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range want.Cases {
		ids, err := e.Chat(c.Messages.messages())
		if err != nil || !slices.Equal(ids, c.IDs) {
			t.Fatalf("prompt ids %v %v, want %v", ids, err, c.IDs)
		}
		res, text := generate(t, e, ids, Params{})
		if !slices.Equal(res.Tokens, c.Next) || text != c.Text || res.Finish != Stop {
			t.Errorf("%v %q %s, want %v %q", res.Tokens, text, res.Finish, c.Next, c.Text)
		}
	}
}

// TestHarborTinyQuality holds the model to its quality bar with this engine: at least 95 % of the greedy answers to the
// held-back prompts are among those that the grammar accepts. Two sequences at a time share the engine; under the race
// detector, which is after that alone, some prompts do.
func TestHarborTinyQuality(t *testing.T) {
	const bar = 0.95
	e := harborTiny(t)
	data, err := os.ReadFile(filepath.Join(testkit.Root(t), "models", "training", "heldback.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	type heldBack struct {
		Messages conversation `json:"messages"`
		Accept   []string     `json:"accept"`
	}
	var cases []heldBack
	for line := range bytes.Lines(data) {
		var c heldBack
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) < 200 {
		t.Fatalf("%d prompts", len(cases))
	}
	if raceDetector {
		cases = cases[:6]
	}
	var accepted atomic.Int64
	var both sync.WaitGroup
	for half := range 2 {
		both.Go(func() {
			for i := half; i < len(cases); i += 2 {
				ids, err := e.Chat(cases[i].Messages.messages())
				var text strings.Builder
				var res Result
				if err == nil {
					res, err = e.Generate(t.Context(), ids, Params{MaxTokens: 96}, func(s string) error { text.WriteString(s); return nil })
				}
				if err != nil {
					t.Error(err)
					return
				}
				if res.Finish == Stop && slices.Contains(cases[i].Accept, text.String()) {
					accepted.Add(1)
				}
			}
		})
	}
	both.Wait()
	if n := accepted.Load(); !raceDetector && float64(n) < bar*float64(len(cases)) {
		t.Errorf("%d of %d answers accepted, the bar is %v", n, len(cases), bar)
	}
}
