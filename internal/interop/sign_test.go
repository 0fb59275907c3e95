//go:build interop

package interop

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// modelSigning returns the command of PyPI's model-signing 1.1.1.
func modelSigning(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("./setup-model-signing.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// signCases are folders on which implementations have disagreed.
var signCases = map[string]map[string]string{
	"order": {"a/b": "1", "a-b": "2", "a.txt": "3", "a/b-c/d": "4", "a0": "5", "Z": "6", "onnx/model.onnx": "7", "onnx-int8.bin": "8"},
	"names": {"with space.bin": "1", "dir with space/x y.txt": "2", "模型.bin": "3", "modèle/é.json": "4", "emoji 🤗.txt": "5",
		"quote'\".txt": "6", "<&>.html": "7", "colon:8:16": "8", "percent%20.txt": "9", ".hidden/.config": "10"},
	"empty files": {"empty": "", "dir/empty": "", "full": "x"},
	"one file":    {"model.safetensors": strings.Repeat("weights ", 300_000)},
}

// A signedModel is a directory with a signature file outside or inside of it, and the signer's public key.
type signedModel struct{ dir, sig, public string }

func writeModel(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// writeKey writes a new key pair and returns the two paths.
func writeKey(t *testing.T, curve elliptic.Curve) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, public = filepath.Join(dir, "key.pem"), filepath.Join(dir, "key.pub")
	a, err1 := bundle.MarshalPrivateKey(key)
	b, err2 := bundle.MarshalPublicKey(key.Public())
	if err := errors.Join(err1, err2, os.WriteFile(private, a, 0o600), os.WriteFile(public, b, 0o644)); err != nil {
		t.Fatal(err)
	}
	return private, public
}

// signWith signs dir with our implementation and writes the bundle to sig.
func signWith(t *testing.T, dir, sig, private string) {
	t.Helper()
	text, err := os.ReadFile(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := bundle.ParsePrivateKey(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	b, _, err := sign.Sign(t.Context(), sign.DirFS(root), key, sign.SignOptions{Subject: filepath.Base(dir)})
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(sig), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sig, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// errExtra stands for what a strict tool says of unsigned files.
var errExtra = errors.New("unsigned files")

// verifyWith verifies with our implementation, strictly: unsigned files are refused.
func verifyWith(t *testing.T, m signedModel) error {
	t.Helper()
	text, err := os.ReadFile(m.public)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := bundle.ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(m.sig)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	model, err := sign.Open(t.Context(), sign.DirFS(root), sign.Policy{Keys: []crypto.PublicKey{pub}, InsecureAnyModel: true}, sign.WithBundle(b))
	if err != nil {
		return err
	}
	var ignore []string
	if rel, err := filepath.Rel(m.dir, m.sig); err == nil && filepath.IsLocal(rel) {
		ignore = append(ignore, filepath.ToSlash(rel))
	}
	extra, err := model.Extra(t.Context(), ignore...)
	if err != nil {
		t.Fatal(err)
	}
	if len(extra) > 0 {
		return errExtra
	}
	return model.VerifyAll(t.Context(), nil)
}

// pySign and pyVerify run model_signing. They return its output and whether it succeeded.
func pySign(t *testing.T, tool, dir, sig, private string) {
	t.Helper()
	if out, ok := run(t, tool, "sign", "key", "--signature", sig, "--private_key", private, dir); !ok {
		t.Fatalf("model_signing sign: %s", out)
	}
}

func pyVerify(t *testing.T, tool string, m signedModel) (string, bool) {
	t.Helper()
	return run(t, tool, "verify", "key", "--signature", m.sig, "--public_key", m.public, m.dir)
}

func run(t *testing.T, name string, args ...string) (string, bool) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// TestSignModelSigning: each verifies what the other signed.
func TestSignModelSigning(t *testing.T) {
	tool := modelSigning(t)
	curves := []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}
	for name, files := range signCases {
		for _, curve := range curves {
			t.Run(name+"/"+curve.Params().Name, func(t *testing.T) {
				t.Parallel()
				private, public := writeKey(t, curve)
				for _, place := range []string{"../detached.sig", "model.sig", sign.SignatureFile} {
					if curve != elliptic.P256() && place != "model.sig" {
						continue // where the signature lies does not depend on the curve
					}
					ours := writeModel(t, files)
					m := signedModel{ours, filepath.Join(ours, place), public}
					signWith(t, m.dir, m.sig, private)
					if out, ok := pyVerify(t, tool, m); !ok {
						t.Errorf("model_signing refuses ours at %s: %s", place, out)
					}
					if err := verifyWith(t, m); err != nil {
						t.Errorf("we refuse ours at %s: %v", place, err)
					}
				}
				theirs := writeModel(t, files)
				m := signedModel{theirs, filepath.Join(theirs, "model.sig"), public}
				pySign(t, tool, m.dir, m.sig, private)
				if err := verifyWith(t, m); err != nil {
					t.Errorf("we refuse theirs: %v", err)
				}
			})
		}
	}
}

// TestSignOneFile: what model_signing signs as a model that is a file, we verify; what we sign so, it verifies by the directory alone, and Lint says it.
func TestSignOneFile(t *testing.T) {
	command := modelSigning(t)
	dir := writeModel(t, map[string]string{"model.safetensors": "weights"})
	file, sig := filepath.Join(dir, "model.safetensors"), filepath.Join(t.TempDir(), "sig")
	private, public := writeKey(t, elliptic.P256())
	verify := func(path string) error {
		return exec.Command(command, "verify", "key", "--public_key", public, "--signature", sig, path).Run()
	}
	data, err := os.ReadFile(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := bundle.ParsePrivateKey(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	ours, _, err := sign.Sign(t.Context(), os.DirFS(dir), key, sign.SignOptions{Subject: "model.safetensors"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sig, ours, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := verify(dir); err != nil {
		t.Errorf("the directory: %v", err)
	}
	refused := func(data []byte) bool {
		list, err := sign.Lint(data)
		if err != nil {
			t.Fatal(err)
		}
		return len(list) == 1 && list[0].Code == "single_file" && len(list[0].RefusedBy) > 0
	}
	if err := verify(file); (err != nil) != refused(ours) {
		t.Errorf("the file: %v, and Lint says otherwise", err)
	}
	if out, err := exec.Command(command, "sign", "key", "--private_key", private, "--signature", sig, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	theirs, err := os.ReadFile(sig)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(file); err != nil || refused(theirs) {
		t.Errorf("the file, signed by model_signing: %v", err)
	}
	if err := verifyWith(t, signedModel{dir, sig, public}); err != nil {
		t.Errorf("we refuse theirs: %v", err)
	}
}

// TestSignTampered: what one signed and an attacker changed, both refuse, and for the change.
func TestSignTampered(t *testing.T) {
	tool := modelSigning(t)
	private, public := writeKey(t, elliptic.P256())
	_, other := writeKey(t, elliptic.P256())
	files := map[string]string{"a/b": "1", "a-b": "2", "w": "weights"}
	for name, c := range map[string]struct {
		change func(m *signedModel) error
		ours   error
		theirs string
	}{
		"twin":        {func(*signedModel) error { return nil }, nil, ""},
		"flipped bit": {func(m *signedModel) error { return os.WriteFile(filepath.Join(m.dir, "w"), []byte("veights"), 0o644) }, sign.ErrMismatch, "Hash mismatch"},
		"appended":    {func(m *signedModel) error { return os.WriteFile(filepath.Join(m.dir, "w"), []byte("weights!"), 0o644) }, sign.ErrMismatch, "Hash mismatch"},
		"extra":       {func(m *signedModel) error { return os.WriteFile(filepath.Join(m.dir, "x"), nil, 0o644) }, errExtra, "Extra"},
		"missing":     {func(m *signedModel) error { return os.Remove(filepath.Join(m.dir, "a-b")) }, sign.ErrMissing, "Missing"},
		"renamed":     {func(m *signedModel) error { return os.Rename(filepath.Join(m.dir, "a-b"), filepath.Join(m.dir, "c")) }, errExtra, "Extra"},
		"other key":   {func(m *signedModel) error { m.public = other; return nil }, sign.ErrSignature, "key"},
		"bad signature": {func(m *signedModel) error {
			b, err := os.ReadFile(m.sig)
			if err != nil {
				return err
			}
			return os.WriteFile(m.sig, bytes.Replace(b, []byte(`"payload":"ey`), []byte(`"payload":"ex`), 1), 0o644)
		}, sign.ErrSignature, ""},
	} {
		for signer, do := range map[string]func(*testing.T, signedModel){
			"ours":   func(t *testing.T, m signedModel) { signWith(t, m.dir, m.sig, private) },
			"theirs": func(t *testing.T, m signedModel) { pySign(t, tool, m.dir, m.sig, private) },
		} {
			if name == "bad signature" && signer == "theirs" {
				continue // the edit is of our spelling
			}
			t.Run(name+"/"+signer, func(t *testing.T) {
				t.Parallel()
				dir := writeModel(t, files)
				m := signedModel{dir, filepath.Join(dir, "model.sig"), public}
				do(t, m)
				if err := c.change(&m); err != nil {
					t.Fatal(err)
				}
				if err := verifyWith(t, m); !errors.Is(err, c.ours) {
					t.Errorf("we: %v, want %v", err, c.ours)
				}
				if out, ok := pyVerify(t, tool, m); ok != (c.ours == nil) || !strings.Contains(out, c.theirs) {
					t.Errorf("model_signing: success %v, want %v with %q: %s", ok, c.ours == nil, c.theirs, out)
				}
			})
		}
	}
}
