package holdfast_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit/twokey"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// keysetOf is a keyset of given bytes, which a malicious sealer has.
func keysetOf(t *testing.T, dek []byte) *keyset.Handle {
	t.Helper()
	p, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: 32, DerivedKeySizeInBytes: 32, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: 4096,
	})
	if err != nil {
		t.Fatal(err)
	}
	k, err := aesgcmhkdf.NewKey(p, secretdata.NewBytesFromData(dek, insecuresecretdataaccess.Token{}))
	if err != nil {
		t.Fatal(err)
	}
	m := keyset.NewManager()
	id, err := m.AddKey(k)
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	h, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func just(h *keyset.Handle) seal.KeySource {
	return seal.KeySourceFunc(func(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) { return h, nil })
}

// onDisk is the tree of a sealed directory.
func onDisk(t *testing.T, src fs.FS, h *keyset.Handle, o seal.Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sealed")
	if _, err := seal.Dir(t.Context(), dir, src, h, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A malicious sealer makes one ciphertext that opens under two keys, and gives the auditor one key and production the other.
// With one seal.json the second key fails at the commitment. With a seal.json for each, the seal itself holds: what fails is
// the signature, which is over plaintext.
func TestTwoKeyFileFailsAtTheSignature(t *testing.T) {
	dek := [][]byte{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)}
	blob, err := twokey.File(dek[0], dek[1], seal.FileAD(modelName, 7, "w"))
	if err != nil {
		t.Fatal(err)
	}
	honest := make([]byte, twokey.PlainSize)
	if err := seal.DecryptTo(t.Context(), honest, bytes.NewReader(blob), int64(len(blob)), keysetOf(t, dek[0]), seal.FileAD(modelName, 7, "w")); err != nil {
		t.Fatal(err)
	}
	key := signtest.Key(t)
	src := signtest.Sign(t, signtest.Files(map[string]string{"w": string(honest)}), key)

	var dirs []string
	for i := range dek { // the sealer can make every file of a sealed directory
		dir := onDisk(t, src, keysetOf(t, dek[i]), seal.Options{Name: modelName, Version: 7})
		rewrite(t, dir, dek[i], blob)
		dirs = append(dirs, dir)
	}
	read := func(dir string, dek []byte) ([]byte, error) {
		f, err := seal.OpenFS(t.Context(), os.DirFS(dir), just(keysetOf(t, dek)))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if sealed, err := f.ReadFile("w"); err != nil || len(sealed) != len(honest) {
			t.Fatalf("the attack does not work: %v", err)
		}
		m, err := sign.Open(t.Context(), f, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true})
		if err != nil {
			return nil, err
		}
		return m.ReadFile("w")
	}
	if got, err := read(dirs[0], dek[0]); err != nil || !bytes.Equal(got, honest) {
		t.Errorf("the auditor: %v", err)
	}
	if _, err := read(dirs[0], dek[1]); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("production with the auditor's directory: %v", err)
	}
	if _, err := read(dirs[1], dek[1]); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("production with a directory of its own: %v", err)
	}
}

// rewrite puts blob in place of the file "w" and authenticates it.
func rewrite(t *testing.T, dir string, dek, blob []byte) {
	t.Helper()
	name := filepath.Join(dir, "seal.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	for _, f := range m["files"].([]any) {
		if f := f.(map[string]any); f["path"] == "w" {
			f["header"] = hex.EncodeToString(blob[:40])
			if err := os.WriteFile(filepath.Join(dir, f["blob"].(string)), blob, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	macKey, err := hkdf.Key(sha256.New, dek, nil, "holdfast/seal-manifest/v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, macKey)
	mac.Write(text)
	for n, b := range map[string][]byte{name: text, filepath.Join(dir, "seal.mac"): mac.Sum(nil)} {
		if err := os.WriteFile(n, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A distributor signs the sealed tree, so that a registry verifies it without any key. Who may open it can change
// afterwards; what it holds cannot.
func TestDistributorBundle(t *testing.T) {
	publisher, distributor := signtest.Key(t), signtest.Key(t)
	src := signtest.Sign(t, signtest.Files(contents(7)), publisher)
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	wrapper, err := kek.FromKey("ops", bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	dir := onDisk(t, src, h, seal.Options{Name: modelName, Version: 7, HideNames: true, Wraps: []seal.Wrapper{wrapper}})
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	bundle, _, err := sign.Sign(t.Context(), sign.DirFS(root), distributor, sign.SignOptions{IgnorePaths: []string{"seal.keys"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Mkdir(sign.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := root.WriteFile(sign.SignatureFile, bundle, 0o644); err != nil {
		t.Fatal(err)
	}
	verify := func() error {
		m, err := sign.Open(t.Context(), sign.DirFS(root), sign.Policy{Keys: []crypto.PublicKey{distributor.Public()}, InsecureAnyModel: true})
		if err != nil {
			return err
		}
		return m.VerifyAll(t.Context(), nil)
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	other, err := kek.FromKey("other", bytes.Repeat([]byte{4}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if err := kek.Rewrap(t.Context(), root, kek.Source{KEK: wrapper}, other, false); err != nil {
		t.Fatal(err)
	}
	if err := verify(); err != nil {
		t.Errorf("after a rewrap: %v", err)
	}
	f, err := seal.OpenFS(t.Context(), sign.DirFS(root), kek.Source{KEK: other})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := sign.Open(t.Context(), f, sign.Policy{Keys: []crypto.PublicKey{publisher.Public()}, InsecureAnyModel: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.VerifyAll(t.Context(), nil); err != nil {
		t.Errorf("the publisher's signature inside: %v", err)
	}
	list, err := fs.ReadFile(root.FS(), "blobs/list")
	if err != nil {
		t.Fatal(err)
	}
	list[50] ^= 1
	if err := root.WriteFile("blobs/list", list, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := verify(); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("an altered blob: %v", err)
	}
}
