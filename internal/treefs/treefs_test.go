package treefs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func text(name, content string) File {
	return File{name, int64(len(content)), func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

type nopCloserAt struct{ *strings.Reader }

func (nopCloserAt) Close() error { return nil }

func TestFS(t *testing.T) {
	at := File{"a/b/at", 3, func() (io.ReadCloser, error) { return nopCloserAt{strings.NewReader("abc")}, nil }}
	tree, err := New([]File{text("z", "zz"), text("a/b/c", "c"), text("a/d", ""), at})
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tree, "z", "a/b/c", "a/d", "a/b/at"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]bool{"a/b/at": true, "z": false} {
		f, err := tree.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, random := f.(io.ReaderAt); random != want {
			t.Errorf("%s: random access is %v", name, random)
		}
	}
	if _, err := tree.ReadDir("z"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
	if none, err := New(nil); err != nil || fstest.TestFS(none) != nil {
		t.Error("empty tree", err)
	}
}

func TestRefused(t *testing.T) {
	for name, files := range map[string][]File{
		"twice":            {text("a", ""), text("a", "")},
		"below a file":     {text("a/b/c", ""), text("a", "")},
		"a file above":     {text("a/b", ""), text("a/b/c", "")},
		"empty":            {text("", "")},
		"root":             {text(".", "")},
		"absolute":         {text("/a", "")},
		"up":               {text("../a", "")},
		"up inside":        {text("a/../b", "")},
		"trailing":         {text("a/", "")},
		"double":           {text("a//b", "")},
		"backslash":        {text(`a\b`, "")},
		"NUL":              {text("a\x00b", "")},
		"not UTF-8":        {text("a\xff", "")},
		"long":             {text(strings.Repeat("a", maxName+1), "")},
		"deep":             {text(strings.Repeat("a/", maxNesting+1)+"a", "")},
		"far too many":     make([]File, MaxFiles+1),
		"windows drive up": {text(`..\a`, "")},
	} {
		if _, err := New(files); !errors.Is(err, ErrList) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each directory costs memory, and a name of a few bytes has many above it.
func TestManyDirectories(t *testing.T) {
	for _, c := range []struct {
		files int
		want  error
	}{{100, nil}, {MaxFiles/60 + 1, ErrList}} {
		files := make([]File, c.files)
		for i := range files {
			files[i] = text(fmt.Sprintf("%06d", i)+strings.Repeat("/d", 61), "")
		}
		if _, err := New(files); !errors.Is(err, c.want) {
			t.Errorf("%d files: %v, want %v", c.files, err, c.want)
		}
	}
}
