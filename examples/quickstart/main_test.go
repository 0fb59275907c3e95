package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// line is any JSON line of the output.
type line struct {
	result
	stage
	LeftOut string `json:"left_out"`
}

// play runs everything on a model and returns what was printed.
func play(t *testing.T, o options) []line {
	t.Helper()
	var out, warn bytes.Buffer
	o.json, o.bulk = true, 2<<20
	if err := run(t.Context(), o, &out, &warn); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(warn.String(), "SIMULATED TEE") {
		t.Error("nothing says that the TEE is simulated")
	}
	var lines []line
	dec := json.NewDecoder(&out)
	for {
		var l line
		if err := dec.Decode(&l); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatalf("output is not JSON lines: %v", err)
		}
		lines = append(lines, l)
	}
}

// wanted are the attacks, each with what must be somewhere in its error chain.
var wanted = map[string]string{
	"flipped weight bit":                     "sign: file is not what was signed",
	"flipped bit of sealed weights":          "seal: not authentic",
	"truncated file":                         "sign: file is not what was signed",
	"truncated sealed file":                  "seal: truncated",
	"extra file":                             "sign: not a signed file",
	"renamed file":                           "sign: signed file is missing",
	"swapped chat template":                  "sign: file is not what was signed",
	"swapped chat template, signed again":    "mbom: refused by policy (Templates",
	"older version":                          "sign: refused by policy: rollback",
	"other model signed by the same key":     "sign: refused by policy (Name",
	"wrong key":                              "sign: no trusted signature",
	"replayed evidence":                      "keyrelease: denied: evidence",
	"relayed evidence on another connection": "channel: connection is not bound",
	"debug TEE":                              "snp.debug is on",
	"changed configuration":                  "keyrelease: denied: config",
	"unsafe pickle":                          "mbom: refused by policy (Formats",
	"prompt injection":                       "HTTP 400 invalid_request_error: content_filter",
	"invisible-character injection":          "HTTP 400 invalid_request_error: content_filter",
	"system-prompt extraction":               "HTTP 400 invalid_request_error: content_filter",
	"NaN tensor":                             "mbom: refused by policy (Finite",
	"oversized body":                         "HTTP 413",
	"duplicate JSON key":                     "HTTP 400 invalid_request_error: invalid_request",
	"secret in the answer":                   "content_filter",
	"secret in a streamed answer":            "content_filter",
}

// check holds the lines against the attacks that must be there; the rest must be left out and said so.
func check(t *testing.T, lines []line, leftOut ...string) {
	t.Helper()
	seen, stages := map[string]bool{}, 0
	for _, l := range lines {
		switch {
		case l.Stage != "":
			stages++
			if l.BytesPerS <= 0 {
				t.Errorf("%s: no speed", l.Stage)
			}
			continue
		case l.LeftOut != "":
			leftOut = deleteOne(t, leftOut, l.Attack)
			continue
		}
		want, ok := wanted[l.Attack]
		if !ok || seen[l.Attack] {
			t.Errorf("%q is not expected, or is there twice", l.Attack)
		}
		seen[l.Attack] = true
		if !strings.Contains(strings.Join(l.Got, "\n"), want) {
			t.Errorf("%s: want %q in %q", l.Attack, want, l.Got)
		}
		if !l.Refused || !l.TwinAccepted || l.Expected == "" || l.Link == "" || l.TwinError != "" {
			t.Errorf("%+v", l.result)
		}
	}
	absent := 0
	for name := range wanted {
		if !seen[name] {
			absent++
		}
	}
	if len(leftOut) != 0 || len(seen)+absent != len(wanted) || stages != 8 {
		t.Errorf("%d attacks, %d absent, %d stages, not left out: %q", len(seen), absent, stages, leftOut)
	}
	t.Logf("%d attacks, %d stages", len(seen), stages)
}

func deleteOne(t *testing.T, from []string, name string) []string {
	t.Helper()
	for i, f := range from {
		if f == name {
			return append(from[:i:i], from[i+1:]...)
		}
	}
	t.Errorf("%q was left out", name)
	return from
}

func TestDefaultModel(t *testing.T) {
	lines := play(t, options{licences: "apache-2.0,mit"})
	check(t, lines)
	n := 0
	for _, l := range lines {
		if l.Attack != "" && l.LeftOut == "" {
			n++
		}
	}
	if n != len(wanted) {
		t.Errorf("%d attacks of %d", n, len(wanted))
	}
}

// checkOther is check for models that are not known to give secrets away.
func checkOther(t *testing.T, lines []line, leftOut ...string) {
	t.Helper()
	check(t, lines, append(leftOut, "secret in the answer", "secret in a streamed answer")...)
}

func TestOtherModels(t *testing.T) {
	copied := func(t *testing.T, elem ...string) string {
		t.Helper()
		dir := t.TempDir()
		from := testkit.Vectors(t, elem...)
		fi, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if fi.IsDir() {
			err = os.CopyFS(filepath.Join(dir, "m"), os.DirFS(from))
			dir = filepath.Join(dir, "m")
		} else {
			var b []byte
			if b, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(filepath.Join(dir, filepath.Base(from)), b, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Run("generated GGUF", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "repeat.gguf"), repeatingGGUF(true))
		checkOther(t, play(t, options{model: dir, licences: "mit"}))
	})
	t.Run("GGUF without template", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "repeat.gguf"), repeatingGGUF(false))
		checkOther(t, play(t, options{model: dir, licences: "mit"}), "swapped chat template")
	})
	if testkit.Race {
		t.Skip("the detector makes inference ten times as slow, and the generated models run the same code")
	}
	t.Run("stories260K.gguf", func(t *testing.T) {
		checkOther(t, play(t, options{model: copied(t, "models", "stories260K.gguf"), anyLicence: true}), "swapped chat template")
	})
	t.Run("stories260k-hf", func(t *testing.T) {
		checkOther(t, play(t, options{model: copied(t, "models", "stories260k-hf"), licences: "other,upstream-unconfirmed"}))
	})
}

// A model that cannot be played says why.
func TestUnusableModels(t *testing.T) {
	empty, file := t.TempDir(), filepath.Join(t.TempDir(), "m.gguf")
	write(t, file, repeatingGGUF(true))
	two := t.TempDir()
	write(t, filepath.Join(two, "a.gguf"), repeatingGGUF(true))
	write(t, filepath.Join(two, "b.gguf"), repeatingGGUF(true))
	broken := t.TempDir()
	write(t, filepath.Join(broken, "a.gguf"), repeatingGGUF(true)[:1000])
	for name, c := range map[string]struct{ model, licences, want string }{
		"absent":  {filepath.Join(empty, "x"), "mit", "-model wants a directory"},
		"file":    {file, "mit", "-model wants a directory"},
		"empty":   {empty, "mit", "one .safetensors or .gguf file"},
		"two":     {two, "mit", "one .safetensors or .gguf file"},
		"broken":  {broken, "mit", "gguf: malformed file"},
		"licence": {filepath.Dir(file), "apache-2.0", "Licences"},
	} {
		err := run(t.Context(), options{model: c.model, licences: c.licences}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, options{licences: "apache-2.0", serve: ":0", json: true}, in, io.Discard)
		in.CloseWithError(err)
		done <- err
	}()
	var at struct{ Serving, CA, Model string }
	if err := json.NewDecoder(out).Decode(&at); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(at.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	res, err := post(ctx, client, at.Serving, chatBody(at.Model, true, conversation...), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, n, err := events(res.Body, func(string) {})
	if err != nil || n < 3 || !strings.Contains(text, "12") {
		t.Errorf("%v: %d events, %q", err, n, text)
	}
	if _, err := ask(ctx, client, at.Serving, chatBody(at.Model, false, message{"user", injection(rand.New(rand.NewPCG(1, 2)))})); !status(400)(err) {
		t.Errorf("an injection is answered: %v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("it ended by itself: %v", err)
	default:
	}
	client.CloseIdleConnections()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it serves on after the end of its context")
	}
}

// What is drawn at run time is refused whatever is drawn, and the sentence without it is not.
func TestDrawnPrompts(t *testing.T) {
	g, err := guard.New(guard.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}`)
	}))
	send := func(text string) int {
		r := httptest.NewRequest("POST", "/v1/chat/completions", bytes.NewReader(chatBody("m", false, message{"user", text})))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	draw := rand.New(rand.NewPCG(7, 8))
	question := conversation[1].Content
	if got := send(question); got != 200 {
		t.Fatalf("the twin is refused: %d", got)
	}
	for range 1000 {
		in := injection(draw)
		for _, text := range []string{question + " " + in, smuggle(question, in), extraction(draw)} {
			if got := send(text); got != 400 {
				t.Fatalf("%d for %q", got, text)
			}
		}
	}
}

// A broken expectation goes red: an attack counts only when it is refused, for the expected reason, beside a twin that is not.
func TestTry(t *testing.T) {
	right, wrong := errors.New("right"), errors.New("wrong")
	returns := func(err error) func() error { return func() error { return err } }
	for name, c := range map[string]struct {
		run, twin error
		ok        bool
		says      string
	}{
		"refused":                    {right, nil, true, "accepted"},
		"refused, wrapped":           {errors.Join(wrong, right), nil, true, "accepted"},
		"accepted":                   {nil, nil, false, "NOT REFUSED (want it)"},
		"refused for another reason": {wrong, nil, false, "WRONG REASON: wrong (want it)"},
		"twin refused":               {right, wrong, false, "REFUSED: wrong"},
		"both refused":               {right, right, false, "REFUSED: right"},
	} {
		r := attack{name: "a", link: "p", expected: "it", is: is(right), run: returns(c.run), twin: returns(c.twin)}.try()
		if r.ok() != c.ok {
			t.Errorf("%s: ok is %t", name, r.ok())
		}
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			err := (&report{out: &out, json: asJSON}).attacks([]result{{Refused: true, TwinAccepted: true, Got: []string{"p: x"}}, r})
			if (err == nil) != c.ok {
				t.Errorf("%s: the report says %v", name, err)
			}
			if !asJSON && !strings.Contains(out.String(), c.says) {
				t.Errorf("%s: want %q in\n%s", name, c.says, out.String())
			}
		}
	}
	if err := (&report{out: io.Discard}).attacks(nil); err == nil {
		t.Error("no attack at all is a success")
	}
}

// The table for people fits into 130 columns where all is well.
func TestTableWidth(t *testing.T) {
	var out bytes.Buffer
	var results []result
	for name, got := range wanted {
		results = append(results, result{Attack: name, Link: "crypto/keyrelease", Got: []string{strings.Repeat(got+" ", 9)}, Refused: true, TwinAccepted: true})
	}
	if err := (&report{out: &out, omitted: []leftOut{{"NaN tensor", "all weights are quantised"}}}).attacks(results); err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(out.String()) {
		if n := len([]rune(text)); n > 130 {
			t.Errorf("%d columns: %s", n, text)
		}
	}
	if !strings.Contains(out.String(), "left out: all weights are quantised") {
		t.Error("what was left out is not said")
	}
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
