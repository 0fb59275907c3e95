//go:build unix

package seal_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// A FIFO in place of a file is refused without waiting for a writer.
func TestFIFO(t *testing.T) {
	h := newKeyset(t, 4096)
	for _, name := range []string{"seal.json", "seal.mac", "blobs/000000"} {
		dir, _ := sealModel(t, h, model(), seal.Options{})
		path := filepath.Join(dir, name)
		remove(t, path)
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			t.Skip(err)
		}
		done := make(chan error, 1)
		src := dirFS(t, dir)
		go func() {
			_, err := seal.OpenFS(t.Context(), src, fixed(h))
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, seal.ErrFormat) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: waits for a writer", name)
		}
	}
}
