package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A patch that has ceased to apply tests nothing: this goes red in the change that breaks it.
func TestPatchesApply(t *testing.T) {
	root := testkit.Root(t)
	mutants, err := readMutants(filepath.Join(root, "internal", "mutants", "patches"))
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 10 {
		t.Errorf("%d mutants, want at least 10", len(mutants))
	}
	dir := t.TempDir()
	for _, m := range mutants {
		for line := range strings.Lines(string(m.patch)) {
			name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- a/")
			if !ok {
				continue
			}
			b, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Errorf("%s: %v", m.name, err)
				continue
			}
			write(t, filepath.Join(dir, name), string(b))
		}
		l := lab{dir: dir, env: labEnv(root)}
		if out, err := l.command(t.Context(), m.patch, "git", "apply", "--check", "-"); err != nil {
			t.Errorf("%s: %v\n%s", m.name, err, out)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const patchOf = "# stage: test\n# test: go test ./... -run ^TestOne$\n--- a/one.go\n+++ b/one.go\n@@ -1,3 +1,3 @@\n package one\n \n-%\n+"

// The judge itself is tried: only a fault that the named test sees counts as caught.
func TestJudge(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	line := "func One() int { return 1 }"
	write(t, filepath.Join(dir, "go.mod"), "module one\n\ngo 1.26.0\n")
	write(t, filepath.Join(dir, "one.go"), "package one\n\n"+line+"\n")
	write(t, filepath.Join(dir, "one_test.go"), "package one\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) {\n\tif One() != 1 {\n\t\tt.Fatal()\n\t}\n}\n\n"+
		"func TestRed(t *testing.T) { t.Fatal() }\n")
	patch := strings.Replace(patchOf, "%", line, 1)
	for _, c := range []struct {
		name, patch string
		want        bool
	}{
		{"seen", patch + "func One() int { return 2 }\n", true},
		{"not seen", patch + "func One() int { return 2 - 1 }\n", false},
		{"does not compile", patch + "func One() int { return x }\n", false},
		{"does not apply", strings.Replace(patch, "func One", "func Two", 1) + "func Two() int { return 2 }\n", false},
		{"red without it", strings.ReplaceAll(patch, "TestOne", "TestRed") + "func One() int { return 2 }\n", false},
		{"seen by another test", strings.ReplaceAll(patch, "^TestOne$", "^TestOther$") + "func One() int { return 2 }\n", false},
	} {
		m, err := parse(c.name, []byte(c.patch))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		l := lab{dir: dir, env: labEnv(dir), out: &out, clean: map[string]error{}}
		if got := l.try(t.Context(), m); got != c.want {
			t.Errorf("%s: caught: %v, want %v\n%s", c.name, got, c.want, out.String())
		}
		if b, err := os.ReadFile(filepath.Join(dir, "one.go")); err != nil || !strings.Contains(string(b), line) {
			t.Fatalf("%s: the fault was left behind", c.name)
		}
	}
}

func TestHeadersAreRequired(t *testing.T) {
	good := strings.Replace(patchOf, "%", "x", 1) + "y\n"
	if _, err := parse("good", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"# stage: test\n", "# test: go test ./... -run ^TestOne$\n", "--- a/one.go\n"} {
		if _, err := parse("bad", []byte(strings.Replace(good, gone, "", 1))); err == nil {
			t.Errorf("accepted without %q", gone)
		}
	}
}
