package seal_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// With hidden names no name and no order of names shows: not in seal.json, not in the names of the blobs, not in any file.
func TestHiddenNames(t *testing.T) {
	h, src := newKeyset(t, 4096), model()
	dir, info := sealModel(t, h, src, seal.Options{HideNames: true})
	sealedFS := dirFS(t, dir)
	err := fs.WalkDir(sealedFS, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(sealedFS, p)
		for name := range src {
			if len(name) > 3 && (strings.Contains(p, name) || bytes.Contains(b, []byte(name))) {
				t.Errorf("%s shows in %s", name, p)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := seal.Inspect(sealedFS)
	if err != nil || !c.Hidden || len(c.Files) != 0 || c.Name != "tiny" {
		t.Errorf("Inspect: %+v, %v", c, err)
	}
	f, err := seal.OpenFS(t.Context(), sealedFS, fixed(h))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Info() != info || len(f.Files()) != len(src) {
		t.Errorf("%d files, info %+v", len(f.Files()), f.Info())
	}
	for name, file := range src {
		if got, err := fs.ReadFile(f, name); err != nil || !bytes.Equal(got, file.Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := readEverything(t, sealedFS, h); err != nil {
		t.Error(err)
	}
	// The names of blobs are a secret function of the path: another key gives others.
	other, _ := sealModel(t, newKeyset(t, 4096), src, seal.Options{HideNames: true})
	for _, name := range names(t, filepath.Join(dir, "blobs")) {
		if _, err := os.Stat(filepath.Join(other, "blobs", name)); err == nil && name != "list" {
			t.Errorf("blob %s under two keys", name)
		}
	}
}

// Each attack changes one thing of a directory with hidden names.
func TestHiddenAttacks(t *testing.T) {
	h := newKeyset(t, 4096)
	dir, _ := sealModel(t, h, model(), seal.Options{HideNames: true})
	again, _ := sealModel(t, h, model(), seal.Options{HideNames: true})
	older, _ := sealModel(t, h, model(), seal.Options{HideNames: true, Name: "tiny", Version: 6})
	open, _ := sealModel(t, h, model(), seal.Options{})
	list := func(d string) string { return filepath.Join(d, "blobs", "list") }
	for name, c := range map[string]struct {
		attack func(t *testing.T, d string)
		want   error
	}{
		"untouched":       {func(*testing.T, string) {}, nil},
		"altered list":    {func(t *testing.T, d string) { flip(t, list(d), 200) }, seal.ErrAuth},
		"altered header":  {func(t *testing.T, d string) { flip(t, list(d), 20) }, seal.ErrAuth},
		"cut list":        {func(t *testing.T, d string) { resize(t, list(d), -1) }, seal.ErrTruncated},
		"longer list":     {func(t *testing.T, d string) { resize(t, list(d), 1) }, seal.ErrAuth},
		"no list":         {func(t *testing.T, d string) { remove(t, list(d)) }, fs.ErrNotExist},
		"another sealing": {func(t *testing.T, d string) { copyFile(t, list(d), list(again)) }, seal.ErrAuth},
		"older version":   {func(t *testing.T, d string) { copyFile(t, list(d), list(older)) }, seal.ErrAuth},
		"file in place of the list": {func(t *testing.T, d string) {
			edit(t, d, `"blob": "blobs/list"`, `"blob": "blobs/`+names(t, filepath.Join(d, "blobs"))[0]+`"`)
		}, seal.ErrAuth}, // seal.mac
		"shown list": {func(t *testing.T, d string) {
			copyFile(t, filepath.Join(d, "seal.json"), filepath.Join(open, "seal.json"))
		}, seal.ErrAuth},
		"list and files":      {func(t *testing.T, d string) { edit(t, d, `"list"`, `"files": [], "list"`) }, seal.ErrFormat},
		"list of 1 TB":        {func(t *testing.T, d string) { editSize(t, d, 1<<40) }, seal.ErrFormat},
		"list of -1 bytes":    {func(t *testing.T, d string) { editSize(t, d, -1) }, seal.ErrFormat},
		"list that escapes":   {func(t *testing.T, d string) { edit(t, d, `"blobs/list"`, `"blobs/../seal.mac"`) }, seal.ErrFormat},
		"digest in capitals":  {func(t *testing.T, d string) { edit(t, d, `"digest": "`, `"digest": "A`) }, seal.ErrFormat},
		"flipped bit in file": {func(t *testing.T, d string) { flipLargest(t, filepath.Join(d, "blobs")) }, seal.ErrAuth},
	} {
		t.Run(name, func(t *testing.T) {
			d := filepath.Join(t.TempDir(), "d")
			if err := os.CopyFS(d, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			c.attack(t, d)
			if err := readEverything(t, dirFS(t, d), h); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func editSize(t *testing.T, d string, size int64) {
	t.Helper()
	var m struct{ List struct{ Size int64 } }
	b, err := os.ReadFile(filepath.Join(d, "seal.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	edit(t, d, fmt.Sprintf(`"size": %d`, m.List.Size), fmt.Sprintf(`"size": %d`, size))
}

func flipLargest(t *testing.T, dir string) {
	t.Helper()
	name, size := "", int64(0)
	for _, n := range names(t, dir) {
		if fi, err := os.Stat(filepath.Join(dir, n)); err == nil && fi.Size() > size {
			name, size = filepath.Join(dir, n), fi.Size()
		}
	}
	flip(t, name, int(size/2))
}

// What the key's holder wrote into a list is checked like seal.json: it could have been made to harm the reader.
func TestHostileList(t *testing.T) {
	dek := pattern("key", 32)
	h := keysetOf(t, dek, 32, 4096, aesgcmhkdf.SHA256)
	for text, want := range map[string]error{
		`{"files":[]}`:            nil,
		`{"files":[],"files":[]}`: seal.ErrFormat,
		`{"files":[],"more":1}`:   seal.ErrFormat,
		`{"Files":[]}`:            seal.ErrFormat,
		`{"files":[]} `:           nil, // white space has one meaning
		`{"files":[]}x`:           seal.ErrFormat,
		`[]`:                      seal.ErrFormat,
		``:                        seal.ErrFormat,
		`{"files":[{"path":"../x","blob":"blobs/0","size":0,"header":""}]}`:                                 seal.ErrFormat,
		`{"files":[{"path":"x","blob":"blobs/list","size":0,"header":""}]}`:                                 seal.ErrFormat,
		`{"files":[{"path":"x","blob":"seal.json","size":0,"header":""}]}`:                                  seal.ErrFormat,
		`{"files":[{"path":"x","blob":"blobs/0","size":-1,"header":""}]}`:                                   seal.ErrFormat,
		`{"files":[{"path":"x","blob":"blobs/none","size":1,"header":"` + strings.Repeat("00", 40) + `"}]}`: fs.ErrNotExist,
	} {
		_, err := seal.OpenFS(t.Context(), listDir(t, h, dek, text), fixed(h))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

// listDir is a sealed directory of nothing but a list, as whoever has the key can make it.
func listDir(t *testing.T, h *keyset.Handle, dek []byte, text string) fs.FS {
	t.Helper()
	blob := sealBytes(t, h, seal.ListAD("m", 1), []byte(text))
	digest := sha256.Sum256(blob)
	m := fmt.Appendf(nil, `{"version":1,"model":{"name":"m","version":1},"segment":4096,"commitment":"%s","list":{"blob":"blobs/list","size":%d,"header":"%x","digest":"%x"}}`,
		commitment(t, h), len(text), blob[:40], digest)
	key, err := hkdf.Key(sha256.New, dek, nil, "holdfast/seal-manifest/v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(m)
	return fstest.MapFS{"seal.json": {Data: m}, "seal.mac": {Data: mac.Sum(nil)}, "blobs/list": {Data: blob}}
}

// Whoever has the key can seal another list under the same header. The digest of seal.json, which key servers approve, then
// still stands for one list.
func TestListIsOneList(t *testing.T) {
	dek := pattern("key", 32)
	h := keysetOf(t, dek, 32, 4096, aesgcmhkdf.SHA256)
	src := listDir(t, h, dek, `{"files":[]}`).(fstest.MapFS)
	if _, err := seal.OpenFS(t.Context(), src, fixed(h)); err != nil {
		t.Fatal(err)
	}
	header := src["blobs/list"].Data[:40]
	src["blobs/list"].Data = seal.SealUnder(t, h, header, seal.ListAD("m", 1), []byte(`{"files":  }`)) // as long
	if _, err := seal.OpenFS(t.Context(), src, fixed(h)); !errors.Is(err, seal.ErrAuth) {
		t.Errorf("another list under the same header: %v", err)
	}
}

// A dataset is sealed like a model: lines of JSON come back byte for byte, and line by line.
func TestDataset(t *testing.T) {
	h := newKeyset(t, 4096)
	var lines bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&lines, `{"id":%d,"text":"example %d"}`+"\n", i, i)
	}
	src := fstest.MapFS{"train/part-0.jsonl": {Data: lines.Bytes()}, "README.md": {Data: []byte("---\nlicense: mit\n---\n")}}
	dir, _ := sealModel(t, h, src, seal.Options{Name: "examples", Version: 3, HideNames: true})
	f, err := seal.OpenFS(t.Context(), dirFS(t, dir), fixed(h))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := f.Open("train/part-0.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dec, n := json.NewDecoder(file), 0
	for dec.More() {
		var line struct{ ID int }
		if err := dec.Decode(&line); err != nil || line.ID != n {
			t.Fatalf("line %d: %+v, %v", n, line, err)
		}
		n++
	}
	if n != 3000 {
		t.Errorf("%d lines", n)
	}
}
