package seal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// pattern is n bytes that no other seed gives.
func pattern(seed string, n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		d := sha256.Sum256(fmt.Appendf(nil, "%s %d", seed, i))
		b = append(b, d[:]...)
	}
	return b[:n:n]
}

// slowAES is where megabytes take too long: platforms that -short is for, and the race detector.
func slowAES() bool { return testing.Short() || testkit.Race }

func newKeyset(t testing.TB, segment int) *keyset.Handle {
	t.Helper()
	h, err := seal.NewKeyset(segment)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func commitment(t *testing.T, h *keyset.Handle) string {
	t.Helper()
	c, err := seal.Commitment(h)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(c[:])
}

// manifestBlob finds the blob of a path.
func manifestBlob(t *testing.T, dir, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "seal.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Files []struct{ Path, Blob string } }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		if f.Path == path {
			return f.Blob
		}
	}
	t.Fatalf("no %s in the manifest", path)
	return ""
}

func change(t *testing.T, name string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, f(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, name string, at int) {
	t.Helper()
	change(t, name, func(b []byte) []byte { b[at] ^= 0x10; return b })
}

func resize(t *testing.T, name string, by int) {
	t.Helper()
	change(t, name, func(b []byte) []byte { return append(b, make([]byte, max(0, by))...)[:len(b)+by] })
}

func cutTo(t *testing.T, name string, n int) {
	t.Helper()
	change(t, name, func(b []byte) []byte { return b[:n] })
}

// edit replaces text in seal.json, which must be there once.
func edit(t *testing.T, dir, from, to string) {
	t.Helper()
	change(t, filepath.Join(dir, "seal.json"), func(b []byte) []byte {
		if strings.Count(string(b), from) != 1 {
			t.Fatalf("%q is in seal.json %d times", from, strings.Count(string(b), from))
		}
		return []byte(strings.Replace(string(b), from, to, 1))
	})
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func leftNothing(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// serialFS hides io.ReaderAt and lies about sizes.
type serialFS struct {
	fs.FS
	lie int64
}

func (s serialFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if d, ok := f.(fs.ReadDirFile); ok {
		return d, nil
	}
	return serialFile{f, s.lie}, nil
}

type serialFile struct {
	fs.File
	lie int64
}

func (s serialFile) Stat() (fs.FileInfo, error) {
	fi, err := s.File.Stat()
	return lyingInfo{fi, s.lie}, err
}

// changingFS lies about sizes, as a file that grows or shrinks does.
type changingFS struct {
	fs.FS
	lie int64
}

func (s changingFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if at, ok := f.(io.ReaderAt); ok && err == nil {
		return struct {
			serialFile
			io.ReaderAt
		}{serialFile{f, s.lie}, at}, nil
	}
	return f, err
}

type lyingInfo struct {
	fs.FileInfo
	lie int64
}

func (l lyingInfo) Size() int64 { return max(0, l.FileInfo.Size()+l.lie) }
