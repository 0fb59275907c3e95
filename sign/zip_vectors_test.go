package sign_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
)

// zipReads says what an archive holds to who reads it as a source of models.
func zipReads(b []byte) (map[string]string, error) {
	src, err := zipFS(b)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	err = fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(src, name)
		out[name] = string(data)
		return err
	})
	return out, err
}

// TestZipVectors: an archive whose two lists disagree, or that readers take apart in different ways, is no source of models. One that is
// well formed is, whatever is in it: what its files are is another matter.
func TestZipVectors(t *testing.T) {
	dir, labels := testkit.Labelled[struct{ Path, Verdict, Why string }](t, "formats", "zip")
	wellFormed := []string{ // dangerous, clean, unknown or incomplete for what is in them
		"ma-pipeline.skops", "ma-safe_model.zip", "own-bad.zip", "own-case-duplicate.zip" /* two files here, see TestNamesThatAreOneElsewhere */, "own-nested-31.zip", "own-nested.zip", "own-ok.zip",
		"ps-malicious1.zip", "ps-malicious1_wrong_ext.zip",
	}
	for _, l := range labels {
		files, err := zipReads(read(t, filepath.Join(dir, l.Path)))
		ok := slices.Contains(wellFormed, l.Path)
		if ok && (err != nil || len(files) == 0) || !ok && !errors.Is(err, sign.ErrArchive) {
			t.Errorf("%s (%s: %s): %v", l.Path, l.Verdict, l.Why, err)
		}
		if ok && l.Verdict == "reject" {
			t.Errorf("%s must be rejected", l.Path)
		}
	}
	if len(labels) != 39 {
		t.Errorf("%d archives, want 39", len(labels))
	}
}

// sameAsOthers holds what is read of an archive against what the standard library reads, which believes the list at the end.
func sameAsOthers(t *testing.T, b []byte, files map[string]string) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("archive/zip: %v", err)
	}
	seen := 0
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		seen++
		rc, err := f.Open()
		if err != nil {
			t.Fatalf("archive/zip: %q: %v", f.Name, err)
		}
		data, err := io.ReadAll(rc)
		rc.Close()
		if got, ok := files[f.Name]; !ok || err != nil || got != string(data) {
			t.Fatalf("%q reads as %d bytes here (%v), and as %d there (%v)", f.Name, len(got), ok, len(data), err)
		}
	}
	if seen != len(files) {
		t.Fatalf("%d files here, %d there", len(files), seen)
	}
}
