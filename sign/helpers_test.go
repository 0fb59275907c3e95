package sign_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math/big"
	"os"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

func res(name, content string) manifest.Resource {
	d := sha256.Sum256([]byte(content))
	return manifest.Resource{Name: name, Algorithm: manifest.SHA256, Digest: d[:]}
}

// statementOf writes a statement without any of the checks of manifest.Emit.
func statementOf(t testing.TB, subject string, resources []manifest.Resource) []byte {
	t.Helper()
	var list []any
	for _, r := range resources {
		list = append(list, map[string]any{"name": r.Name, "algorithm": r.Algorithm, "digest": hex.EncodeToString(r.Digest)})
	}
	root := manifest.RootDigest(resources)
	b, err := json.Marshal(map[string]any{
		"_type":         manifest.StatementType,
		"subject":       []any{map[string]any{"name": subject, "digest": map[string]any{"sha256": hex.EncodeToString(root[:])}}},
		"predicateType": manifest.PredicateType,
		"predicate": map[string]any{
			"serialization": map[string]any{"method": "files", "hash_type": "sha256", "allow_symlinks": false},
			"resources":     list,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signPayload signs any payload properly.
func signPayload(t testing.TB, key *ecdsa.PrivateKey, payload []byte) []byte {
	t.Helper()
	b, err := bundle.Sign(key, payload)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func publicKey(t testing.TB, file string) crypto.PublicKey {
	t.Helper()
	k, err := bundle.ParsePublicKey(read(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// load copies a directory, or a single file, into memory.
func load(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	src := os.DirFS(dir)
	err := fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(src, name)
		m[name] = &fstest.MapFile{Data: b, Mode: 0o644}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rawOf turns a DER signature on P-256 into r||s.
func rawOf(t testing.TB, der []byte) []byte {
	t.Helper()
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 64)
	v.R.FillBytes(out[:32])
	v.S.FillBytes(out[32:])
	return out
}
