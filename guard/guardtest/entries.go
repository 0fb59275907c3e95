package guardtest

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// CorpusVersion is the version of the entries that [Conform] holds a server against. A number stands for the same entries
// for ever.
const CorpusVersion = 2

// Canary is the text that no answer may hold. A server under test must be told of it, as [Policy] does.
const Canary = "hf-kit-canary-5Zr81qT"

//go:embed corpus.yaml
var corpusYAML []byte // read only

// CorpusYAML returns the entries as YAML, for kits in other languages.
func CorpusYAML() []byte { return slices.Clone(corpusYAML) }

// entry is one line of the corpus; see corpus.yaml.
type entry struct {
	Class   string              `json:"class"`
	Name    string              `json:"name"`
	Kinds   []api.Kind          `json:"kinds"`
	Streams bool                `json:"streams"` // kinds that stream, alone
	Text    string              `json:"text"`
	Hex     string              `json:"hex"`
	Replace [2]string           `json:"replace"`
	Prepend string              `json:"prepend"`
	Append  string              `json:"append"`
	Header  map[string][]string `json:"header"`
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Gzip    bool                `json:"gzip"`
	Status  int                 `json:"status"`
	Pieces  int                 `json:"pieces"` // of an answer: bytes of each; 0 = as a tokenizer cuts
	Benign  bool                `json:"benign"` // an answer that must pass
}

type entries struct{ attacks, benign, answers []entry }

// parseEntries reads the part of YAML that the corpus is written in: comments, the version, and lists whose elements are
// one line of JSON each.
func parseEntries(data []byte) (entries, error) {
	var e entries
	var list *[]entry
	for n, line := range strings.Split(string(data), "\n") {
		fail := func(err error) (entries, error) {
			return entries{}, fmt.Errorf("guardtest: corpus.yaml:%d: %w", n+1, err)
		}
		element, isElement := strings.CutPrefix(line, "- ")
		switch {
		case line == "" || line[0] == '#':
		case line == fmt.Sprintf("version: %d", CorpusVersion):
		case line == "attacks:":
			list = &e.attacks
		case line == "benign:":
			list = &e.benign
		case line == "answers:":
			list = &e.answers
		case isElement && list != nil:
			d := json.NewDecoder(strings.NewReader(element))
			d.DisallowUnknownFields()
			var v entry
			if err := d.Decode(&v); err != nil {
				return fail(err)
			}
			*list = append(*list, v)
		default:
			return fail(fmt.Errorf("not a line of this corpus"))
		}
	}
	return e, nil
}

// of reports whether the entry is for a kind.
func (e *entry) of(k api.Kind) bool {
	return (len(e.Kinds) == 0 || slices.Contains(e.Kinds, k)) && (!e.Streams || Streams(k)) &&
		(e.Class != "placement" || k != api.KServeInfer || len(e.Kinds) > 0) // unknown members are refused there for what they are
}

// request makes the entry's request of a kind. The second body is what an upstream must read.
func (e *entry) request(k api.Kind, base string, stream bool) (r *http.Request, plain []byte, err error) {
	body := ordinary(k, stream)
	if e.Replace[0] != "" {
		if !strings.Contains(body, e.Replace[0]) {
			return nil, nil, fmt.Errorf("guardtest: %s has no %s", k, e.Replace[0])
		}
		body = strings.Replace(body, e.Replace[0], e.Replace[1], 1)
	}
	said := quote(e.Text)
	if e.Text == "" {
		said = `"hi"`
	}
	if e.Hex != "" {
		b, err := hex.DecodeString(e.Hex)
		if err != nil {
			return nil, nil, err
		}
		said = `"` + string(b) + `"`
	}
	plain = []byte(e.Prepend + strings.Replace(body, `"TEXT"`, said, 1) + e.Append)
	sent := plain
	if e.Gzip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(plain); err != nil {
			return nil, nil, err
		}
		if err := z.Close(); err != nil {
			return nil, nil, err
		}
		sent = b.Bytes()
	}
	method, path := "POST", Path(k)
	if e.Method != "" {
		method = e.Method
	}
	if e.Path != "" {
		path = strings.ReplaceAll(e.Path, "PATH", path)
	}
	if r, err = http.NewRequest(method, base+path, bytes.NewReader(sent)); err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if e.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	for name, v := range e.Header {
		r.Header[http.CanonicalHeaderKey(name)] = v
	}
	return r, plain, nil
}

// pieces cuts the text of an answer.
func (e *entry) pieces() []string {
	text := strings.ReplaceAll(e.Text, "CANARY", Canary)
	if e.Pieces == 0 {
		return Pieces(text)
	}
	var out []string
	for r := []rune(text); len(r) > 0; {
		n := min(e.Pieces, len(r))
		out, r = append(out, string(r[:n])), r[n:]
	}
	return out
}
