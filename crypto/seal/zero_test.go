package seal_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// What was not made by this package's functions reads as nothing and writes nothing: neither an empty file nor a panic.
func TestZeroValues(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "plain")
	one := make([]byte, 1)
	for name, f := range map[string]func() error{
		"ReaderAt.ReadAt":        func() error { _, err := new(seal.ReaderAt).ReadAt(one, 0); return err },
		"ReaderAt.CopyTo":        func() error { _, err := new(seal.ReaderAt).CopyTo(t.Context(), io.Discard); return err },
		"ReaderAt.ReadAllInto":   func() error { return new(seal.ReaderAt).ReadAllInto(t.Context(), nil, nil) },
		"Reader.Read":            func() error { _, err := new(seal.Reader).Read(one); return err },
		"Reader.WriteTo":         func() error { _, err := new(seal.Reader).WriteTo(io.Discard); return err },
		"File.Read":              func() error { _, err := new(seal.File).Read(one); return err },
		"Writer.Write":           func() error { _, err := new(seal.Writer).Write(one); return err },
		"Writer.Commit":          func() error { return new(seal.Writer).Commit() },
		"ProvisionalReader.Read": func() error { _, err := new(seal.ProvisionalReader).Read(one); return err },
		"FS.Open":                func() error { _, err := new(seal.FS).Open("a"); return err },
		"Unseal":                 func() error { return seal.Unseal(t.Context(), dst, new(seal.FS), nil) },
	} {
		if err := f(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := new(seal.FS).Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dst); err == nil {
		t.Error("an empty directory was unsealed")
	}
}
