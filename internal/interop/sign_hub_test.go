//go:build interop

package interop

import (
	"crypto"
	"crypto/elliptic"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// TestSignHubCache: the reference implementation signs plain files, and refuses them where the Hugging Face Hub's cache stores
// them, unless it is told to follow any link to anywhere; sign.HuggingFaceFS verifies them there.
func TestSignHubCache(t *testing.T) {
	tool := modelSigning(t)
	private, public := writeKey(t, elliptic.P256())
	files := map[string]string{"config.json": "{}", "onnx/w": strings.Repeat("weights ", 1000)}
	plain := writeModel(t, files)
	m := signedModel{plain, filepath.Join(t.TempDir(), "model.sig"), public}
	pySign(t, tool, m.dir, m.sig, private)
	if out, ok := pyVerify(t, tool, m); !ok {
		t.Fatalf("model_signing refuses the plain files: %s", out)
	}

	const commit = "0123456789abcdef0123456789abcdef01234567"
	cache := filepath.Join(t.TempDir(), "models--org--name")
	snapshot := filepath.Join(cache, "snapshots", commit)
	for name := range files {
		link := filepath.Join(snapshot, filepath.FromSlash(name))
		blob := filepath.Join(cache, "blobs", strings.ReplaceAll(name, "/", "_")) // names of blobs mean nothing
		target, err := filepath.Rel(filepath.Dir(link), blob)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(link), 0o755), os.MkdirAll(filepath.Dir(blob), 0o755),
			os.Rename(filepath.Join(plain, filepath.FromSlash(name)), blob), os.Symlink(target, link)); err != nil {
			t.Fatal(err)
		}
	}
	cached := signedModel{snapshot, m.sig, public}
	if out, ok := pyVerify(t, tool, cached); ok {
		t.Errorf("model_signing verifies the cache now, so its users need no adapter: %s", out)
	}

	text, err1 := os.ReadFile(public)
	sig, err2 := os.ReadFile(m.sig)
	key, err3 := bundle.ParsePublicKey(text)
	root, err4 := os.OpenRoot(cache)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	src, err := sign.HuggingFaceFS(root, commit)
	if err != nil {
		t.Fatal(err)
	}
	model, err := sign.Open(t.Context(), src, sign.Policy{Keys: []crypto.PublicKey{key}, InsecureAnyModel: true}, sign.WithBundle(sig))
	if err != nil {
		t.Fatal(err)
	}
	if err := model.VerifyAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if extra, err := model.Extra(t.Context()); err != nil || len(extra) > 0 {
		t.Errorf("%q, %v", extra, err)
	}
}
