//go:build unix

package seal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// TestResumeOwner: a directory under the name of an unfinished one is taken over only from oneself. In a place that is shared,
// others can make one with blobs and a keyset of their choice.
func TestResumeOwner(t *testing.T) {
	h := newKeyset(t, 4096)
	o := seal.Options{Name: "m", Resume: true, Workers: 1}
	interrupted := func(t *testing.T) (dst, partial string) {
		dst = filepath.Join(t.TempDir(), "sealed")
		stop := errors.New("stopped")
		_, err := seal.Dir(t.Context(), dst, crashModel("x"), h, seal.WithHook(o, func(step string) error {
			if step == "publish" {
				return stop
			}
			return nil
		}))
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		return dst, seal.PartialName(dst)
	}
	for name, c := range map[string]struct {
		change func(partial string) error
		want   string
	}{
		"own":            {func(string) error { return nil }, ""},
		"group writes":   {func(p string) error { return os.Chmod(p, 0o770) }, "other users may write it"},
		"others write":   {func(p string) error { return os.Chmod(p, 0o702) }, "other users may write it"},
		"others read":    {func(p string) error { return os.Chmod(p, 0o755) }, ""},
		"another user's": {func(p string) error { return os.Chown(p, os.Geteuid()+1, -1) }, "belongs to another user"},
	} {
		t.Run(name, func(t *testing.T) {
			dst, partial := interrupted(t)
			if err := c.change(partial); errors.Is(err, fs.ErrPermission) {
				t.Skip("only root gives files away")
			} else if err != nil {
				t.Fatal(err)
			}
			_, read := seal.Interrupted(dst)
			_, resumed := seal.Dir(t.Context(), dst, crashModel("x"), h, o)
			for _, err := range []error{read, resumed} {
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
			if _, err := os.Stat(dst); (err == nil) != (c.want == "") {
				t.Errorf("the result: %v", err)
			}
		})
	}
	t.Run("empty, another user's", func(t *testing.T) {
		dst := filepath.Join(t.TempDir(), "sealed")
		if err := os.Mkdir(seal.PartialName(dst), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(seal.PartialName(dst), os.Geteuid()+1, -1); err != nil {
			t.Skip("only root gives files away")
		}
		if _, err := seal.Dir(t.Context(), dst, crashModel("x"), h, o); err == nil || !strings.Contains(err.Error(), "another user") {
			t.Error(err)
		}
	})
	t.Run("empty, others write", func(t *testing.T) {
		dst := filepath.Join(t.TempDir(), "sealed")
		if err := errors.Join(os.Mkdir(seal.PartialName(dst), 0o700), os.Chmod(seal.PartialName(dst), 0o777)); err != nil {
			t.Fatal(err)
		}
		_, err := seal.Dir(t.Context(), dst, crashModel("x"), h, seal.WithHook(o, func(step string) error {
			if fi, err := os.Stat(seal.PartialName(dst)); err == nil && step == "create seal.json" && fi.Mode().Perm() != 0o700 {
				t.Errorf("mode %v", fi.Mode())
			}
			return nil
		}))
		if err != nil {
			t.Error(err)
		}
	})
}
