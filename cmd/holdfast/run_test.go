package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ran runs a command line and returns its exit code and what it wrote to standard output and standard error.
func ran(ctx context.Context, t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	var text [2]string
	var files [2]*os.File
	for i, name := range []string{"out", "err"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	code = run(ctx, args, files[0], files[1])
	for i, f := range files {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text[i] = string(b)
	}
	return code, text[0], text[1]
}

// Who stops a command is told so, and not that a context was canceled.
func TestStoppedBySignal(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	code, stdout, stderr := ran(ctx, t, "--json", "digest", ".")
	if code != exitUsage || !strings.HasPrefix(stderr, "holdfast: stopped by a signal") || !strings.Contains(stdout, `"exit": 2`) {
		t.Errorf("exits with %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr = ran(t.Context(), t, "digest", "."); code != 0 || stderr != "" {
		t.Errorf("the twin exits with %d: %s%s", code, stdout, stderr)
	}
}

// A file that cannot be written is named as it was asked for, and not by its temporary name.
func TestUnwrittenFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "bom.json")
	if err := os.MkdirAll(filepath.Join(name, "below"), 0o755); err != nil { // a directory stands there
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	err = replaceIn(root, "bom.json", []byte("{}"))
	if err == nil || !strings.Contains(err.Error(), "write "+name+": ") || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("got %v", err)
	}
	if left, err := fs.Glob(root.FS(), "*.tmp"); err != nil || left != nil {
		t.Errorf("%q is left, %v", left, err)
	}
}
