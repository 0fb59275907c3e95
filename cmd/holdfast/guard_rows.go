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
	"strings"

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

// outside reports whether the text comes from outside the conversation, as documents and results of tools do.
func (t *text) outside() bool {
	return strings.EqualFold(t.role, "tool") || strings.EqualFold(t.role, "document")
}

// trust says how the text is read.
func (t *text) trust() detect.Trust {
	if t.outside() {
		return detect.TrustNone
	}
	return detect.TrustUser
}

// route names the group of a calibration that the text is counted in, as a guard looks it up: it knows the roles of messages, where a
// document is what a tool gave.
func (t *text) route() string {
	if t.outside() {
		return detect.RoleTool.String()
	}
	return detect.RoleUser.String()
}

// Whether every row must say if it is an attack.
const (
	labelled   = true
	unlabelled = false
)

// readTexts reads JSON lines of files, "-" being standard input, and gives each row to use, in order. Names of fields are exact; those it does not
// know are ignored. Errors name the line and the field, not their text.
func readTexts(ctx context.Context, paths []string, labelled bool, use func(context.Context, text) error) error {
	for _, p := range paths {
		f := os.Stdin
		if p != "-" {
			var err error
			if f, err = os.Open(p); err != nil {
				return err
			}
		}
		err := parseTexts(ctx, f, labelled, use)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

func parseTexts(ctx context.Context, r io.Reader, labelled bool, use func(context.Context, text) error) error {
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
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := use(ctx, row); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes", n+1, maxRow)
	}
	return errors.Join(s.Err(), ctx.Err())
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
