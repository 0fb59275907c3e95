package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// maxRow bounds a line of a file of texts, in bytes: far above any context window, so that a file that is no lines ends.
const maxRow = 16 << 20

// A text is one row of a file of texts. What kind of attack it is said to be is not read: it would tell the detector the answer.
type text struct {
	text   []byte
	attack bool
	source string
	lang   string
	role   string
}

// trust says how the text is read: documents and results of tools come from outside the conversation.
func (t *text) trust() detect.Trust {
	if t.role == "tool" || t.role == "document" {
		return detect.TrustNone
	}
	return detect.TrustUser
}

// Whether every row must say if it is an attack.
const (
	labelled   = true
	unlabelled = false
)

// readTexts reads JSON lines of files, "-" being standard input. Names of fields are exact; those it does not know are ignored.
// Errors name the line and the field, not their text.
func readTexts(ctx context.Context, paths []string, labelled bool) ([]text, error) {
	var all []text
	for _, p := range paths {
		f := os.Stdin
		if p != "-" {
			var err error
			if f, err = os.Open(p); err != nil {
				return nil, err
			}
		}
		rows, err := parseTexts(ctx, f, labelled)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		all = append(all, rows...)
	}
	return all, nil
}

func parseTexts(ctx context.Context, r io.Reader, labelled bool) ([]text, error) {
	var rows []text
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxRow)
	n := 0
	for s.Scan() && ctx.Err() == nil {
		n++
		line := s.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		row, err := parseText(line, labelled)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rows = append(rows, row)
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d is longer than %d bytes", n+1, maxRow)
	}
	return rows, errors.Join(s.Err(), ctx.Err())
}

// twice returns the name of a field that is read and stands twice in an object, or "": which of them counts others would see differently.
func twice(line []byte) string {
	d := json.NewDecoder(bytes.NewReader(line))
	seen, depth, key := make(map[string]bool), 0, false
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			key = depth == 1
		case string:
			if key && (v == "text" || v == "label" || v == "source" || v == "lang" || v == "role") {
				if seen[v] {
					return v
				}
				seen[v] = true
			}
			key = depth == 1 && !key
		default:
			key = depth == 1
		}
	}
}

func parseText(line []byte, labelled bool) (text, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return text{}, errors.New("not a JSON object") // what the parser says would quote the text
	}
	if name := twice(line); name != "" {
		return text{}, fmt.Errorf("%q stands there twice", name)
	}
	var row text
	var words string
	for _, f := range []struct {
		name string
		to   *string
	}{{"text", &words}, {"source", &row.source}, {"lang", &row.lang}, {"role", &row.role}} {
		value, ok := fields[f.name]
		if f.name == "text" && (!ok || string(value) == "null") {
			return text{}, errors.New(`no "text"`)
		}
		if ok && json.Unmarshal(value, f.to) != nil {
			if f.name == "source" {
				row.source = string(value) // sources may be numbered
				continue
			}
			return text{}, fmt.Errorf("%q is not a string", f.name)
		}
	}
	row.text = []byte(words)
	switch string(fields["label"]) {
	case "", "null":
		if labelled {
			return text{}, errors.New(`no "label"`)
		}
	case "0", "0.0", "false", `"0"`, `"false"`:
	case "1", "1.0", "true", `"1"`, `"true"`:
		row.attack = true
	default:
		return text{}, errors.New(`"label" is neither 0 nor 1`)
	}
	return row, nil
}
