package seal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// Whoever may rename the directories beside dst puts a link to another sealed directory of ours in the place of one that was looked at.
// What the link leads to stays as it is.
func TestLinksLeadNowhere(t *testing.T) {
	h := crashKey(t, "x")
	for name, c := range map[string]struct {
		o    seal.Options
		step string // before which the link is made
		at   func(dst string) string
	}{
		"resumed":  {seal.Options{Name: "m", Version: 1, Resume: true}, "open the directory", seal.PartialName},
		"replaced": {seal.Options{Name: "m", Version: 1, Replace: true}, "publish", func(dst string) string { return dst }},
		"removed":  {seal.Options{Name: "m", Version: 1, Replace: true, Resume: true}, "remove the old directory", seal.PartialName},
	} {
		t.Run(name, func(t *testing.T) {
			if c.o.Replace {
				needsExchange(t)
			}
			victim, _ := sealModel(t, h, crashModel("x"), seal.Options{Name: "victim", Version: 1})
			dst := filepath.Join(t.TempDir(), "sealed")
			if c.o.Replace {
				if _, err := seal.Dir(t.Context(), dst, crashModel("old"), h, seal.Options{Name: "m", Version: 1}); err != nil {
					t.Fatal(err)
				}
			}
			made := false
			_, err := seal.Dir(t.Context(), dst, crashModel("x"), h, seal.WithHook(c.o, func(step string) error {
				if step != c.step {
					return nil
				}
				made = true
				return errors.Join(os.Rename(c.at(dst), c.at(dst)+".away"), os.Symlink(victim, c.at(dst)))
			}))
			if err == nil || !made {
				t.Errorf("no error, link made: %v", made)
			}
			f, err := seal.OpenFS(t.Context(), os.DirFS(victim), fixed(h))
			if err != nil {
				t.Fatalf("what the link leads to: %v", err)
			}
			f.Close()
		})
	}
}

// What is resumed is never an old directory that was replaced, though its own call died before its end: its keyset is to be used no more.
func TestReplacedIsNotResumed(t *testing.T) {
	needsExchange(t)
	dst := filepath.Join(t.TempDir(), "sealed")
	died := errors.New("died")
	for i, name := range []string{"old", "new"} {
		o := seal.Options{Name: "m", Version: uint64(i) + 1, Resume: true, Replace: true}
		_, err := seal.Dir(t.Context(), dst, crashModel(name), crashKey(t, name), seal.WithHook(o, func(step string) error {
			if step == "clean up" {
				return died
			}
			return nil
		}))
		if !errors.Is(err, died) {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(seal.PartialName(dst)); err != nil {
		t.Fatalf("the old directory is gone: %v", err)
	}
	if c, err := seal.Interrupted(dst); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("resumed would be %+v, %v", c, err)
	}
	if err := sealNew(t, filepath.Dir(dst), nil); err != nil {
		t.Fatal(err)
	}
	if v := version(t, dst); v != "new" || len(names(t, filepath.Dir(dst))) != 1 {
		t.Errorf("%s version, %q", v, names(t, filepath.Dir(dst)))
	}
}
