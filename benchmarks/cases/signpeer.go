package cases

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// peerBytes is the size of each of the four files that we and the reference implementation verify.
const peerBytes = 512 << 20

// peerScript verifies once for each line it is sent, in one process, so that starting Python does not count.
const peerScript = `
import pathlib, sys
from model_signing import verifying
model, signature, key = map(pathlib.Path, sys.argv[1:])
for line in sys.stdin:
    verifying.Config().use_elliptic_key_verifier(public_key=key).verify(model, signature)
    print("ok", flush=True)
`

// modelSigningVerify verifies a model on disk, in the page cache, beside PyPI's model-signing 1.1.1, both with all cores.
func modelSigningVerify() (c ratio.Case, err error) {
	// Installs it, pinned, where it is not yet; the report runs in the module's directory.
	out, err := exec.Command("sh", "../internal/interop/setup-model-signing.sh").Output()
	if err != nil {
		return c, fmt.Errorf("setup-model-signing.sh: %w", err)
	}
	python := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "python")
	dir, err := os.MkdirTemp("", "holdfast-bench")
	if err != nil {
		return c, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	model, sig, pub := filepath.Join(dir, "model"), filepath.Join(dir, "model.sig"), filepath.Join(dir, "key.pub")
	if err := os.Mkdir(model, 0o755); err != nil {
		return c, err
	}
	for i := range 4 {
		if err := writeRandom(filepath.Join(model, fmt.Sprintf("model-%d.safetensors", i)), peerBytes); err != nil {
			return c, err
		}
	}
	root, err := os.OpenRoot(model)
	if err != nil {
		return c, err
	}
	ctx := context.Background()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	b, _, err := sign.Sign(ctx, sign.DirFS(root), key, sign.SignOptions{})
	if err != nil {
		return c, err
	}
	public, err := bundle.MarshalPublicKey(key.Public())
	if err := errors.Join(err, os.WriteFile(sig, b, 0o600), os.WriteFile(pub, public, 0o600)); err != nil {
		return c, err
	}
	m, err := sign.Open(ctx, sign.DirFS(root), sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}, sign.WithBundle(b))
	if err != nil {
		return c, err
	}
	peer := exec.Command(python, "-c", peerScript, model, sig, pub)
	peer.Stderr = os.Stderr
	in, err := peer.StdinPipe()
	if err != nil {
		return c, err
	}
	answers, err := peer.StdoutPipe()
	if err != nil {
		return c, err
	}
	if err := peer.Start(); err != nil {
		return c, err
	}
	lines := bufio.NewScanner(answers)
	return ratio.Case{
		Name: "peers/model-signing/verify", Better: ratio.Higher, Wall: true, Bytes: 4 * peerBytes,
		Subject: func() error { return m.VerifyAll(ctx, nil) },
		Yardstick: func() error {
			if _, err := in.Write([]byte("\n")); err != nil {
				return err
			}
			if !lines.Scan() || lines.Text() != "ok" {
				return fmt.Errorf("model-signing: %q, %w", lines.Text(), errors.Join(errors.New("did not verify"), lines.Err()))
			}
			return nil
		},
		Close: func() {
			in.Close()
			_ = peer.Wait() // it has nothing more to say
			root.Close()
			os.RemoveAll(dir)
		},
	}, nil
}

func writeRandom(name string, size int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for range size >> 20 {
		rand.Read(buf)
		if _, err := f.Write(buf); err != nil {
			return err
		}
	}
	return f.Close()
}
