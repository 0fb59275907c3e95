// Command specvectors writes the test vectors of docs/SPEC.md to docs/vectors. Run from the repository root:
//
//	go run ./internal/testkit/specvectors -write
//
// Without -write it compares and fails on a difference, as its test does. All keys are fixed and in the open: they are
// good for nothing else. internal/testkit/spec_check.py judges the same files independently.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	write := flag.Bool("write", false, "write the files instead of comparing them")
	dir := flag.String("dir", filepath.Join("docs", "vectors"), "the directory of vectors")
	flag.Parse()
	if err := run(*dir, *write); err != nil {
		fmt.Fprintln(os.Stderr, "specvectors:", err)
		os.Exit(1)
	}
}

// A file is one committed file of vectors.
type file struct {
	name    string
	Section string   `json:"section"` // of docs/SPEC.md
	Vectors []vector `json:"vectors"`
}

// A vector is one case: its kind says by which formula "out" follows from "in".
type vector struct {
	Name string         `json:"name"`
	Kind string         `json:"kind"`
	In   map[string]any `json:"in"`
	Out  map[string]any `json:"out"`
}

func run(dir string, write bool) error {
	files, err := build()
	if err != nil {
		return err
	}
	var drift error
	for _, f := range files {
		want, err := encode(f)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, f.name)
		if write {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				return err
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			drift = errors.Join(drift, fmt.Errorf("%s differs from what the code computes; if the format changes on purpose, "+
				"change docs/SPEC.md and run with -write", path))
		}
	}
	return drift
}

func encode(f file) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(f)
	return b.Bytes(), err
}
