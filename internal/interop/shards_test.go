//go:build interop

package interop

import (
	"crypto"
	"crypto/elliptic"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// library runs the library of model-signing: verb, then flags, then the model.
func library(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	python := filepath.Join(filepath.Dir(modelSigning(t)), "python")
	return run(t, python, append([]string{"sign_library.py"}, args...)...)
}

// signOptions signs dir with options and returns the signer's public key and the bundle beside dir.
func signOptions(t *testing.T, dir string, o sign.SignOptions) signedModel {
	t.Helper()
	private, public := writeKey(t, elliptic.P256())
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
	b, _, err := sign.Sign(t.Context(), sign.DirFS(root), key, o)
	if err != nil {
		t.Fatal(err)
	}
	m := signedModel{dir, filepath.Join(filepath.Dir(dir), "ours.sig"), public}
	if err := os.WriteFile(m.sig, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestShardsLibrary: each verifies the shards of the other, and sees a changed byte, for names that have given trouble.
func TestShardsLibrary(t *testing.T) {
	for name, files := range signCases {
		files = maps.Clone(files)
		delete(files, "colon:8:16") // their library splits names at every colon; ours reads what nobody else writes
		for _, size := range []int64{3, 8, 1 << 20, 1_000_000_000} {
			if size < 10 && name == "one file" {
				continue // more shards than a manifest may have
			}
			t.Run(name+"/"+strconv.FormatInt(size, 10), func(t *testing.T) {
				ours := signOptions(t, writeModel(t, files), sign.SignOptions{ShardSize: size})
				if out, ok := library(t, "verify", "--key", ours.public, "--signature", ours.sig, ours.dir); !ok {
					t.Errorf("they refuse ours: %s", out)
				}
				if err := verifyWith(t, ours); err != nil {
					t.Errorf("we refuse ours: %v", err)
				}
				private, public := writeKey(t, elliptic.P256())
				theirs := signedModel{writeModel(t, files), filepath.Join(t.TempDir(), "theirs.sig"), public}
				if out, ok := library(t, "sign", "--key", private, "--signature", theirs.sig, "--shard-size", strconv.FormatInt(size, 10), theirs.dir); !ok {
					t.Fatalf("they cannot sign: %s", out)
				}
				if err := verifyWith(t, theirs); err != nil {
					t.Errorf("we refuse theirs: %v", err)
				}
				for i, m := range []signedModel{ours, theirs} {
					for file, content := range files {
						if content == "" {
							continue
						}
						changed := []byte(content)
						changed[len(changed)-1] ^= 1
						if err := os.WriteFile(filepath.Join(m.dir, filepath.FromSlash(file)), changed, 0o644); err != nil {
							t.Fatal(err)
						}
						break
					}
					if err := verifyWith(t, m); !errors.Is(err, sign.ErrMismatch) {
						t.Errorf("we accept a changed byte: %v", err)
					}
					if out, ok := library(t, "verify", "--key", m.public, "--signature", m.sig, m.dir); ok {
						t.Errorf("they accept a changed byte of %d: %s", i, out)
					}
				}
			})
		}
	}
}

// TestHashesLibrary: we read what their library writes with other hashes.
func TestHashesLibrary(t *testing.T) {
	files := map[string]string{"a/b": strings.Repeat("1", 3000), "a-b": "2", "c": strings.Repeat("weights ", 200_000)}
	for _, algorithm := range []string{"sha256", "blake2", "blake3"} {
		for _, size := range []string{"0", "1000", "100000"} {
			t.Run(algorithm+"/"+size, func(t *testing.T) {
				private, public := writeKey(t, elliptic.P256())
				m := signedModel{writeModel(t, files), filepath.Join(t.TempDir(), "theirs.sig"), public}
				if out, ok := library(t, "sign", "--key", private, "--signature", m.sig, "--hash", algorithm, "--shard-size", size, m.dir); !ok {
					t.Fatalf("they cannot sign: %s", out)
				}
				if err := verifyWith(t, m); err != nil {
					t.Errorf("we refuse theirs: %v", err)
				}
				if err := os.WriteFile(filepath.Join(m.dir, "c"), []byte(strings.Repeat("weights ", 199_999)+"weightz "), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := verifyWith(t, m); !errors.Is(err, sign.ErrMismatch) {
					t.Errorf("we accept a changed byte: %v", err)
				}
			})
		}
	}
}

// TestSymlinksInterop: a link to a file is a file where the signer and the verifier say so, and an error where they do not.
func TestSymlinksInterop(t *testing.T) {
	tool := modelSigning(t)
	model := func() string {
		dir := writeModel(t, map[string]string{"w.real": "weights", "dir/x": "1"})
		if err := os.Symlink("w.real", filepath.Join(dir, "w")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	private, public := writeKey(t, elliptic.P256())
	ours := signOptions(t, model(), sign.SignOptions{AllowSymlinks: true})
	if out, ok := run(t, tool, "verify", "key", "--allow_symlinks", "--signature", ours.sig, "--public_key", ours.public, ours.dir); !ok {
		t.Errorf("they refuse our links: %s", out)
	}
	if out, ok := library(t, "verify", "--key", ours.public, "--signature", ours.sig, ours.dir); ok {
		t.Errorf("their library remembers that links are allowed; say so in sign.Lint: %s", out)
	}
	theirs := signedModel{model(), filepath.Join(t.TempDir(), "theirs.sig"), public}
	if out, ok := run(t, tool, "sign", "key", "--signature", theirs.sig, "--private_key", private, theirs.dir); ok {
		t.Errorf("they sign links without being asked: %s", out)
	}
	if out, ok := run(t, tool, "sign", "key", "--allow_symlinks", "--signature", theirs.sig, "--private_key", private, theirs.dir); !ok {
		t.Fatalf("they cannot sign links: %s", out)
	}
	for _, m := range []signedModel{ours, theirs} {
		if err := verifyWith(t, m); err != nil {
			t.Errorf("we refuse links that were signed: %v", err)
		}
		if err := os.WriteFile(filepath.Join(m.dir, "w.real"), []byte("veights"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := verifyWith(t, m); !errors.Is(err, sign.ErrMismatch) {
			t.Errorf("we accept a changed target: %v", err)
		}
	}
}

// TestLintInterop holds what sign.Lint says of the reference implementation against what it does.
func TestLintInterop(t *testing.T) {
	tool := modelSigning(t)
	plain := writeModel(t, map[string]string{"a/b": "1", "a-b": strings.Repeat("x", 20)})
	colon := writeModel(t, map[string]string{"a:b": "1"})
	private, public := writeKey(t, elliptic.P256())
	theirs := func(args ...string) signedModel {
		m := signedModel{plain, filepath.Join(t.TempDir(), "theirs.sig"), public}
		if out, ok := library(t, append(append([]string{"sign", "--key", private, "--signature", m.sig}, args...), m.dir)...); !ok {
			t.Fatalf("they cannot sign: %s", out)
		}
		return m
	}
	for name, m := range map[string]signedModel{
		"files":           signOptions(t, plain, sign.SignOptions{}),
		"files of colons": signOptions(t, colon, sign.SignOptions{}),
		"shards":          signOptions(t, writeModel(t, map[string]string{"a/b": "1", "a-b": strings.Repeat("x", 20)}), sign.SignOptions{ShardSize: 8}),
		"shards, theirs":  theirs("--shard-size", "8"),
		"blake2":          theirs("--hash", "blake2"),
		"blake3":          theirs("--hash", "blake3"),
		"blake3 shards":   theirs("--hash", "blake3", "--shard-size", "8"),
		"colon in shards": signOptions(t, writeModel(t, map[string]string{"a:b": "1"}), sign.SignOptions{ShardSize: 8}),
	} {
		data, err := os.ReadFile(m.sig)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(m.public)
		if err != nil {
			t.Fatal(err)
		}
		key, err := bundle.ParsePublicKey(text)
		if err != nil {
			t.Fatal(err)
		}
		list, err := sign.Lint(data, []crypto.PublicKey{key}...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		said := map[string]bool{}
		for _, f := range list {
			for _, peer := range f.RefusedBy {
				said[peer] = true
			}
		}
		out, command := pyVerify(t, tool, m)
		if command == (said[sign.PeerPythonCommand] || said[sign.PeerPython]) {
			t.Errorf("%s: command accepts %v, Lint says %+v: %s", name, command, list, out)
		}
		if out, ok := library(t, "verify", "--key", m.public, "--signature", m.sig, m.dir); ok == said[sign.PeerPython] {
			t.Errorf("%s: library accepts %v, Lint says %+v: %s", name, ok, list, out)
		}
	}
}
