package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func TestVectorsAreCurrent(t *testing.T) {
	if err := run(filepath.Join(testkit.Root(t), "docs", "vectors"), false); err != nil {
		t.Fatal(err)
	}
}

func TestDriftIsSeen(t *testing.T) {
	dir := t.TempDir()
	if err := run(dir, true); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, false); err != nil {
		t.Fatalf("fresh files: %v", err)
	}
	p := filepath.Join(dir, "evidence.json")
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, false); err == nil {
		t.Fatal("an altered file passed")
	}
}

// Every directory entry is a file that this command writes: a vector nobody computes would judge nothing.
func TestNoStrayVectors(t *testing.T) {
	files, err := build()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range files {
		known[f.name] = true
		if len(f.Vectors) == 0 {
			t.Errorf("%s has no vectors", f.name)
		}
	}
	entries, err := os.ReadDir(filepath.Join(testkit.Root(t), "docs", "vectors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			t.Errorf("docs/vectors/%s is not written by specvectors", e.Name())
		}
	}
}
