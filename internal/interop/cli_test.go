//go:build interop

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// holdfast builds the command and returns its path.
func holdfast(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "holdfast")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/holdfast-ai/holdfast/cmd/holdfast")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// TestCommandLines has both command lines sign and verify the same folders with the same flags, key and certificate. Version 1.1.1 of theirs
// knows underscores alone; ours takes both.
func TestCommandLines(t *testing.T) {
	theirs, ours := modelSigning(t), holdfast(t)
	certs := newCertificates(t)
	private, public := writeKey(t, certs.key.Curve)
	methods := []struct {
		name         string
		sign, verify []string
		ours         []string // what our verifier must be told beside
	}{
		{"key", []string{"--private_key", private}, []string{"--public_key", public}, nil},
		{"certificate",
			[]string{"--private_key", certs.private, "--signing_certificate", certs.leaf, "--certificate_chain", certs.mid},
			[]string{"--certificate_chain", certs.root}, []string{"--identity", "release@example.org"}},
	}
	for _, m := range methods {
		for name, files := range signCases {
			t.Run(m.name+"/"+name, func(t *testing.T) {
				for _, dir := range []struct{ signer, verifier string }{{ours, theirs}, {theirs, ours}} {
					model, sig := writeModel(t, files), filepath.Join(t.TempDir(), "model.sig")
					args := func(verb string, flags []string) []string {
						return append(append([]string{verb, m.name, "--signature", sig}, flags...), model)
					}
					if out, err := exec.Command(dir.signer, args("sign", m.sign)...).CombinedOutput(); err != nil {
						t.Fatalf("%s sign: %v\n%s", filepath.Base(dir.signer), err, out)
					}
					check := m.verify
					if dir.verifier == ours {
						check = append(append([]string{}, check...), m.ours...)
					}
					if out, err := exec.Command(dir.verifier, args("verify", check)...).CombinedOutput(); err != nil {
						t.Errorf("%s verify: %v\n%s", filepath.Base(dir.verifier), err, out)
					}
					if err := os.WriteFile(filepath.Join(model, "extra"), []byte("x"), 0o644); err != nil {
						t.Fatal(err)
					}
					if err := exec.Command(dir.verifier, args("verify", check)...).Run(); err == nil {
						t.Errorf("%s accepted a folder with a file that is not signed", filepath.Base(dir.verifier))
					}
				}
			})
		}
	}
}

// TestEncryptedKeys has openssl and Python's cryptography read a key that ours encrypts, and refuse it with another
// password.
func TestEncryptedKeys(t *testing.T) {
	theirs, ours := modelSigning(t), holdfast(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, password := range map[string]string{"good": "correct horse\n", "bad": "wrong horse\n"} {
		if err := os.WriteFile(at(name), []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(ours, "keygen", "signing", "--private-key", at("k"), "--public-key", at("p"), "--password-file", at("good")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	public, err := os.ReadFile(at("p"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("openssl", "pkey", "-in", at("k"), "-passin", "file:"+at("good"), "-pubout").Output(); err != nil || string(out) != string(public) {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	if err := exec.Command("openssl", "pkey", "-in", at("k"), "-passin", "file:"+at("bad"), "-pubout").Run(); err == nil {
		t.Error("openssl reads the key with another password")
	}
	// The other command line, 1.1.1, hands its library a password of the wrong type and reads no encrypted key at all; its library does.
	python := filepath.Join(filepath.Dir(theirs), "python")
	const read = "import sys; from cryptography.hazmat.primitives.serialization import load_pem_private_key as f; " +
		"f(open(sys.argv[1], 'rb').read(), sys.argv[2].encode())"
	if out, err := exec.Command(python, "-c", read, at("k"), "correct horse").CombinedOutput(); err != nil {
		t.Errorf("cryptography: %v\n%s", err, out)
	}
	if err := exec.Command(python, "-c", read, at("k"), "wrong horse").Run(); err == nil {
		t.Error("cryptography reads the key with another password")
	}
}
