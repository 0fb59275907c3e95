package seal_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// Nothing of the plaintext shows in the sealed directory but the names and sizes that seal.json lists.
func TestSealedDirectoryHidesContents(t *testing.T) {
	src := fstest.MapFS{"weights": {Data: bytes.Repeat([]byte("canary-77"), 1000)}}
	dir, _ := sealModel(t, newKeyset(t, 4096), src, seal.Options{})
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if bytes.Contains(b, []byte("canary")) {
			t.Errorf("%s shows plaintext", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each attack changes one thing in a sealed directory and meets one refusal, by OpenFS or by the first read; untouched, the
// directory opens (TestDirAndBack reads every file of the same model).
func TestDirAttacks(t *testing.T) {
	h := newKeyset(t, 4096)
	other := newKeyset(t, 4096)
	dir, _ := sealModel(t, h, model(), seal.Options{})
	again, _ := sealModel(t, h, model(), seal.Options{})                               // same keyset and paths, other salts
	renamed, _ := sealModel(t, h, model(), seal.Options{Name: "tiny", Version: 6})     // older version, same keyset
	foreign, _ := sealModel(t, other, model(), seal.Options{Name: "tiny", Version: 7}) // other keyset
	blob := func(t *testing.T, dir, path string) string {
		t.Helper()
		return filepath.Join(dir, manifestBlob(t, dir, path))
	}
	cases := []struct {
		name   string
		attack func(t *testing.T, d string)
		key    *keyset.Handle
		want   error
	}{
		{"untouched", func(*testing.T, string) {}, h, nil},
		{"other keyset", func(*testing.T, string) {}, other, seal.ErrCommitment},
		{"no keyset", func(*testing.T, string) {}, nil, seal.ErrKeyset},
		{"flipped bit in the middle", func(t *testing.T, d string) { flip(t, blob(t, d, "model.safetensors"), 35_000) }, h, seal.ErrAuth},
		{"flipped bit in the first segment", func(t *testing.T, d string) { flip(t, blob(t, d, "model.safetensors"), 50) }, h, seal.ErrAuth},
		{"flipped bit in the header", func(t *testing.T, d string) { flip(t, blob(t, d, "config.json"), 3) }, h, seal.ErrAuth},
		{"truncated blob", func(t *testing.T, d string) { resize(t, blob(t, d, "model.safetensors"), -1) }, h, seal.ErrTruncated},
		{"blob cut at a segment", func(t *testing.T, d string) { cutTo(t, blob(t, d, "model.safetensors"), 4096) }, h, seal.ErrTruncated},
		{"extended blob", func(t *testing.T, d string) { resize(t, blob(t, d, "model.safetensors"), 1) }, h, seal.ErrAuth},
		{"blob of another path", func(t *testing.T, d string) { copyFile(t, blob(t, d, "config.json"), blob(t, d, "holdfast.json")) }, h, seal.ErrTruncated},
		{"same blob of another sealing", func(t *testing.T, d string) { copyFile(t, blob(t, d, "config.json"), blob(t, again, "config.json")) }, h, seal.ErrAuth},
		{"same blob of an older version", func(t *testing.T, d string) { copyFile(t, blob(t, d, "config.json"), blob(t, renamed, "config.json")) }, h, seal.ErrAuth},
		{"missing blob", func(t *testing.T, d string) { remove(t, blob(t, d, "config.json")) }, h, seal.ErrFormat},
		{"missing blob, as a file", func(t *testing.T, d string) { remove(t, blob(t, d, "config.json")) }, h, fs.ErrNotExist},
		{"blobs is a file", func(t *testing.T, d string) {
			instead(t, d, "blobs", func(p string) error { return os.WriteFile(p, nil, 0o644) })
		}, h, seal.ErrFormat},
		{"blobs is a loop", func(t *testing.T, d string) {
			instead(t, d, "blobs", func(p string) error { return os.Symlink("blobs", p) })
		}, h, seal.ErrFormat},
		{"blobs leads outside", func(t *testing.T, d string) {
			instead(t, d, "blobs", func(p string) error { return os.Symlink(filepath.Join(dir, "blobs"), p) })
		}, h, seal.ErrFormat},
		{"blob leads outside", func(t *testing.T, d string) {
			instead(t, d, manifestBlob(t, d, "config.json"), func(p string) error { return os.Symlink(blob(t, dir, "config.json"), p) })
		}, h, seal.ErrFormat},
		{"MAC is a loop", func(t *testing.T, d string) {
			instead(t, d, "seal.mac", func(p string) error { return os.Symlink("seal.mac", p) })
		}, h, seal.ErrFormat},
		{"blob is a directory", func(t *testing.T, d string) {
			remove(t, blob(t, d, "config.json"))
			if err := os.Mkdir(blob(t, d, "config.json"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, h, seal.ErrFormat},
		{"renamed file in the manifest", func(t *testing.T, d string) { edit(t, d, `"config.json"`, `"config.jsoo"`) }, h, seal.ErrAuth},
		{"version in the manifest", func(t *testing.T, d string) { edit(t, d, `"version": 7`, `"version": 8`) }, h, seal.ErrAuth},
		{"white space in the manifest", func(t *testing.T, d string) { edit(t, d, `"version": 7`, `"version":  7`) }, h, seal.ErrAuth},
		{"commitment in the manifest", func(t *testing.T, d string) {
			edit(t, d, `"commitment": "`+commitment(t, h), `"commitment": "`+commitment(t, other))
		}, h, seal.ErrCommitment},
		{"manifest of another keyset", func(t *testing.T, d string) {
			copyFile(t, filepath.Join(d, "seal.json"), filepath.Join(foreign, "seal.json"))
			copyFile(t, filepath.Join(d, "seal.mac"), filepath.Join(foreign, "seal.mac"))
		}, h, seal.ErrCommitment},
		{"manifest of another sealing", func(t *testing.T, d string) {
			copyFile(t, filepath.Join(d, "seal.json"), filepath.Join(again, "seal.json"))
			copyFile(t, filepath.Join(d, "seal.mac"), filepath.Join(again, "seal.mac"))
		}, h, seal.ErrAuth},
		{"flipped bit in the MAC", func(t *testing.T, d string) { flip(t, filepath.Join(d, "seal.mac"), 0) }, h, seal.ErrAuth},
		{"short MAC", func(t *testing.T, d string) { resize(t, filepath.Join(d, "seal.mac"), -1) }, h, seal.ErrAuth},
		{"no MAC", func(t *testing.T, d string) { remove(t, filepath.Join(d, "seal.mac")) }, h, seal.ErrFormat},
		{"duplicate key", func(t *testing.T, d string) { edit(t, d, `"segment"`, `"segment": 4096, "segment"`) }, h, seal.ErrFormat},
		{"unknown field", func(t *testing.T, d string) { edit(t, d, `"segment"`, `"more": 1, "segment"`) }, h, seal.ErrFormat},
		{"format version", func(t *testing.T, d string) { edit(t, d, `"version": 1,`, `"version": 2,`) }, h, seal.ErrFormat},
		{"path that escapes", func(t *testing.T, d string) { edit(t, d, `"a-b"`, `"../b"`) }, h, seal.ErrFormat},
		{"absolute path", func(t *testing.T, d string) { edit(t, d, `"a-b"`, `"/a-b"`) }, h, seal.ErrFormat},
		{"blob that escapes", func(t *testing.T, d string) { edit(t, d, `"blobs/000000"`, `"blobs/../seal.json"`) }, h, seal.ErrFormat},
		{"two files in one blob", func(t *testing.T, d string) { edit(t, d, `"blobs/000001"`, `"blobs/000000"`) }, h, seal.ErrFormat},
		{"paths out of order", func(t *testing.T, d string) { edit(t, d, `"a-b"`, `"z"`) }, h, seal.ErrFormat},
		{"one path twice", func(t *testing.T, d string) { edit(t, d, `"a-b"`, `"a/b"`) }, h, seal.ErrFormat},
		{"file and directory", func(t *testing.T, d string) { edit(t, d, `"a-b"`, `"a"`) }, h, seal.ErrFormat},
		{"wrapped keyset too large", func(t *testing.T, d string) {
			if err := os.WriteFile(filepath.Join(d, "seal.keys", "x.json"), make([]byte, seal.MaxWrap+1), 0o644); err != nil {
				t.Fatal(err)
			}
		}, h, seal.ErrTooLarge},
		{"unlisted files are not there", func(t *testing.T, d string) {
			if err := os.WriteFile(filepath.Join(d, "evil.py"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, h, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := filepath.Join(t.TempDir(), "d")
			if err := os.CopyFS(d, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			c.attack(t, d)
			err := readEverything(t, dirFS(t, d), c.key)
			if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// switching is a sealed directory whose blob of one path becomes another after it was first looked at.
type switching struct {
	fs.FS
	blob  string
	other []byte
}

type switchingFile struct {
	fs.File
	reads *int
	other []byte
}

func (s switching) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil || name != s.blob {
		return f, err
	}
	return switchingFile{f, new(int), s.other}, nil
}

func (f switchingFile) ReadAt(p []byte, off int64) (int, error) {
	if *f.reads++; *f.reads == 1 {
		return f.File.(io.ReaderAt).ReadAt(p, off)
	}
	return bytes.NewReader(f.other).ReadAt(p, off)
}

// An older blob of the same path and keyset is authentic by itself. It is refused also when it is put in place after its
// header was compared.
func TestBlobExchangedAfterCheck(t *testing.T) {
	h := newKeyset(t, 4096)
	src := fstest.MapFS{"w": {Data: pattern("new", 10_000)}}
	dir, _ := sealModel(t, h, src, seal.Options{})
	src["w"].Data = pattern("old", 10_000)
	old, _ := sealModel(t, h, src, seal.Options{})
	ct, err := os.ReadFile(filepath.Join(old, manifestBlob(t, old, "w")))
	if err != nil {
		t.Fatal(err)
	}
	for blob, want := range map[string]error{"blobs/000000": seal.ErrAuth, "none": nil} {
		if err := readEverything(t, switching{dirFS(t, dir), blob, ct}, h); !errors.Is(err, want) {
			t.Errorf("%s exchanged: %v", blob, err)
		}
	}
}

// readEverything opens a sealed directory and reads every file in all three ways, which must agree on the verdict.
func readEverything(t *testing.T, src fs.FS, h *keyset.Handle) error {
	t.Helper()
	f, err := seal.OpenFS(t.Context(), src, fixed(h))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Open("evil.py"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unlisted file: %v", err)
	}
	for _, s := range f.Files() {
		_, whole := fs.ReadFile(f, s.Path)
		file, err := f.Open(s.Path)
		if err != nil {
			if whole == nil {
				t.Errorf("%s: ReadFile succeeds and Open fails: %v", s.Path, err)
			}
			return err
		}
		_, serial := io.Copy(io.Discard, file)
		dst := bytes.Repeat([]byte{0xee}, int(s.Size))
		all := file.(*seal.File).ReadAllInto(t.Context(), dst, nil)
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		if (whole == nil) != (serial == nil) || (whole == nil) != (all == nil) {
			t.Errorf("%s: verdicts differ: %v; %v; %v", s.Path, whole, serial, all)
		}
		if all != nil {
			if !bytes.Equal(dst, make([]byte, len(dst))) {
				t.Errorf("%s: destination is not cleared", s.Path)
			}
			return all
		}
	}
	return nil
}

// instead puts something else in the place of a part of a sealed directory.
func instead(t *testing.T, dir, name string, put func(p string) error) {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := errors.Join(os.RemoveAll(p), put(p)); err != nil {
		t.Skip(err) // no links here
	}
}
