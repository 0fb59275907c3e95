package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
)

// signedFiles makes a signed model of n files of size bytes, which take no room on the disk, and returns its directory and its policy.
func signedFiles(t *testing.T, n int, size int64) (*os.Root, sign.Policy) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		f, err := os.Create(filepath.Join(dir, string(rune('a'+i))+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := sign.Sign(t.Context(), sign.DirFS(root), key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(root.MkdirAll(sign.Dir, 0o755), root.WriteFile(sign.SignatureFile, data, 0o644)); err != nil {
		t.Fatal(err)
	}
	p := sign.Policy{InsecureAnyModel: true}
	p.Keys = append(p.Keys, key.Public())
	return root, p
}

// Before another server, which loads the model itself, a model takes no memory of its size, and every file is read.
func TestReleaseTakesLittleMemory(t *testing.T) {
	const size = 48 << 20
	root, p := signedFiles(t, 3, size)
	m, err := sign.Open(t.Context(), sign.DirFS(root), p)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = release(t.Context(), m, 0, slog.New(slog.DiscardHandler))
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > size/2 {
		t.Errorf("%d bytes were allocated for files of %d", took, size)
	}
	if _, whole := m.Loaded(); !whole {
		t.Error("not every file was read")
	}
}

// One altered file, whichever it is, ends it with the reason, and so does the end of the context.
func TestReleaseRefuses(t *testing.T) {
	root, p := signedFiles(t, 5, 1<<20)
	for _, name := range []string{"a.safetensors", "e.safetensors"} {
		f, err := root.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		flip := func(b byte) {
			if _, err := f.WriteAt([]byte{b}, 1000); err != nil {
				t.Fatal(err)
			}
		}
		flip(1)
		m, err := sign.Open(t.Context(), sign.DirFS(root), p)
		if err != nil {
			t.Fatal(err)
		}
		err = release(t.Context(), m, 0, slog.New(slog.DiscardHandler))
		if e, ok := errors.AsType[*sign.MismatchError](err); !ok || e.Path != name {
			t.Errorf("%s: %v", name, err)
		}
		flip(0)
		f.Close()
	}
	if err := root.Remove("c.safetensors"); err != nil {
		t.Fatal(err)
	}
	m, err := sign.Open(t.Context(), sign.DirFS(root), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(t.Context(), m, 2, slog.New(slog.DiscardHandler)); !errors.Is(err, sign.ErrMissing) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := release(ctx, m, 0, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("released after the end")
	}
}
