package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A mutant is one seeded fault with the test that must see it.
type mutant struct {
	name  string
	stage string
	test  []string // the command
	red   string
	patch []byte
}

func readMutants(dir string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	var out []mutant
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(filepath.Base(p), ".patch"), b)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func parse(name string, b []byte) (mutant, error) {
	m := mutant{name: name, patch: b}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan() && strings.HasPrefix(s.Text(), "#"); {
		key, value, _ := strings.Cut(strings.TrimLeft(s.Text(), "# "), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "stage":
			m.stage = value
		case "test":
			m.test = strings.Fields(value)
		case "red":
			m.red = value
		}
	}
	if m.red == "" {
		for i, arg := range m.test[:max(len(m.test)-1, 0)] {
			if arg == "-run" {
				m.red = "--- FAIL: " + strings.Trim(m.test[i+1], "^$'")
			}
		}
	}
	if m.stage == "" || len(m.test) < 3 || m.test[0] != "go" || m.red == "" || !bytes.Contains(b, []byte("\n--- a/")) {
		return m, fmt.Errorf("%s: needs the headers stage and test, a name that goes red, and a unified diff", name)
	}
	return m, nil
}
