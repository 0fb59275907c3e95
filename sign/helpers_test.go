package sign_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

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
