// Package train makes the linear model of package detect from labelled texts and from texts that it writes itself. The
// same data and the same program give the same model, bit for bit.
package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// ErrData means that a row cannot be used.
var ErrData = errors.New("train: unusable data")

// A Row is one labelled text.
type Row struct {
	Text   string `json:"text"`
	Label  int    `json:"label"`  // 1: an attack
	Source string `json:"source"` // where it comes from: evaluation leaves whole sources out
	Kind   string `json:"kind"`   // direct, indirect, jailbreak, extraction, benign, benign-hard, harmful-plain
	Lang   string `json:"lang,omitempty"`
	Role   string `json:"role,omitempty"`   // user (default), tool, document, assistant
	Lic    string `json:"lic,omitempty"`    // licence
	Family string `json:"family,omitempty"` // of the texts of a corpus: what the attack does, or what the harmless text is about
	Span   []int  `json:"span,omitempty"`   // of the attack in the text: [start, end) in code points

	Payload string `json:"payload,omitempty"` // of the texts of a corpus: the attack, word for word, where the rest of the text is none

	carrier string // source of the document that an attack was put into
}

// maxLine bounds a row, in bytes.
const maxLine = 16 << 20

// Read reads JSON lines. A row says whether it is an attack: 0 or 1, true or false. Names of fields are exact, and unknown ones are ignored: they are
// notes of whoever made the file. Errors unwrap to [ErrData] and name the line, not its text.
func Read(r io.Reader) ([]Row, error) {
	var rows []Row
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	n := 0
	for s.Scan() {
		n++
		line := s.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		row, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrData, n, err)
		}
		rows = append(rows, row)
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("%w: line %d is longer than %d bytes", ErrData, n+1, maxLine)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	return rows, nil
}

// parse reads one row. Errors hold no text of it.
func parse(line []byte) (Row, error) {
	var row Row
	seen := make(map[string]json.RawMessage)
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return row, errObject
	}
	for d.More() {
		var value json.RawMessage
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok || d.Decode(&value) != nil {
			return row, errObject
		}
		to := row.field(name)
		if to == nil {
			continue
		}
		if seen[name] != nil { // which of them counts others would see differently
			return row, fmt.Errorf("%q stands there twice", name)
		}
		if seen[name] = value; name != "label" && json.Unmarshal(value, to) != nil {
			return row, fmt.Errorf("%q is not what it should be", name)
		}
	}
	if _, err := d.Token(); err != nil {
		return row, errObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return row, errObject
	}
	for _, name := range []string{"text", "label"} {
		if v := seen[name]; v == nil || string(v) == "null" {
			return row, fmt.Errorf("no %q", name)
		}
	}
	switch string(seen["label"]) {
	case "0", "0.0", "false", `"0"`, `"false"`:
	case "1", "1.0", "true", `"1"`, `"true"`:
		row.Label = 1
	default:
		return row, errors.New(`"label" is neither 0 nor 1`)
	}
	if at := row.Span; len(at) > 0 && (len(at) != 2 || at[0] < 0 || at[0] >= at[1] || at[0] >= utf8.RuneCountInString(row.Text)) { // the end is cut off
		return row, errors.New(`"span" is no place in the text`)
	}
	return row, nil
}

var errObject = errors.New("not a JSON object") // what the parser says would quote the text

// field is where a field of a row is kept, nil for one that is not read.
func (r *Row) field(name string) any {
	switch name {
	case "text":
		return &r.Text
	case "label":
		return &r.Label
	case "source":
		return &r.Source
	case "kind":
		return &r.Kind
	case "lang":
		return &r.Lang
	case "role":
		return &r.Role
	case "lic":
		return &r.Lic
	case "family":
		return &r.Family
	case "span":
		return &r.Span
	case "payload":
		return &r.Payload
	}
	return nil
}

// Trust says how the text is read: documents and results of tools come from outside the conversation.
func (r *Row) Trust() detect.Trust {
	if strings.EqualFold(r.Role, "tool") || strings.EqualFold(r.Role, "document") || r.Role == "" && r.Kind == "indirect" {
		return detect.TrustNone
	}
	return detect.TrustUser
}
