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
