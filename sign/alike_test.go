package sign_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// caselessFS takes names that differ in case alone, or in how an accent is written, for one, as file systems of macOS and Windows do.
type caselessFS struct{ fs.FS }

func (c caselessFS) Open(name string) (fs.File, error) {
	return c.FS.Open(strings.ReplaceAll(strings.ToLower(name), "e\u0301", "\u00e9"))
}

// Names that a file system takes for one stay different files of the model: each has the bytes that were signed for it, or nothing.
func TestNamesThatAreOneElsewhere(t *testing.T) {
	key := signtest.Key(t)
	model := map[string]string{"config.json": "{}", "CONFIG.json": `{"other": 1}`, "caf\u00e9": "composed", "cafe\u0301": "decomposed", "same": "s", "SAME": "s"}
	files := signtest.Files(model)
	sig, _, err := sign.Sign(t.Context(), files, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, caselessFS{files}, anyModel(key), sign.WithBundle(sig))
	for name, want := range map[string]bool{"config.json": true, "CONFIG.json": false, "caf\u00e9": true, "cafe\u0301": false, "same": true, "SAME": true} {
		if got, err := m.ReadFile(name); want && (err != nil || string(got) != model[name]) || !want && !errors.Is(err, sign.ErrMismatch) {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMismatch) {
		t.Error(err)
	}
}
