// Package testkit finds the test material that lies beside a checkout: vectors made by other implementations and
// labelled prompts. Tests that need absent material are skipped with a message; where it is present they run.
package testkit

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Root returns the root directory of the repository that this source file was compiled from.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("testkit: no caller information")
	}
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Vectors returns the directory of test vectors joined with elem, or skips the test where the vectors are absent.
// HOLDFAST_VECTORS names the directory; its default is ../shared/vectors beside the repository.
// A present directory that lacks elem fails the test: conformance is never skipped by accident.
func Vectors(t testing.TB, elem ...string) string {
	t.Helper()
	return find(t, "HOLDFAST_VECTORS", "vectors", elem)
}

// Data returns the directory of labelled data joined with elem, as [Vectors] does. HOLDFAST_DATA names the directory;
// its default is ../shared/data beside the repository.
func Data(t testing.TB, elem ...string) string {
	t.Helper()
	return find(t, "HOLDFAST_DATA", "data", elem)
}

// Labelled returns a directory of vectors as [Vectors] does, and the objects of its labels.jsonl, which says of each file what must become of it.
func Labelled[Label any](t testing.TB, elem ...string) (dir string, labels []Label) {
	t.Helper()
	dir = Vectors(t, elem...)
	f, err := os.Open(filepath.Join(dir, "labels.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for dec := json.NewDecoder(f); ; {
		var l Label
		if err := dec.Decode(&l); err == io.EOF {
			return dir, labels
		} else if err != nil {
			t.Fatal(f.Name(), err)
		}
		labels = append(labels, l)
	}
}

func find(t testing.TB, env, name string, elem []string) string {
	t.Helper()
	dir := os.Getenv(env)
	if dir == "" {
		dir = filepath.Join(Root(t), "..", "shared", name)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("conformance skipped: no test material at %s (set %s)", dir, env)
	}
	p := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("test material is present but %s is missing: %v", p, err)
	}
	return p
}
