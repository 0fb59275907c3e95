package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// Emit writes the statement of m: its Subject, Method, HashType, ShardSize, AllowSymlinks, IgnorePaths (each stands for what
// lies below it too) and Resources, which it sorts by name. The root digest is computed. Equal input gives equal bytes. What
// Emit returns passes [Parse].
//
// Resources of [MethodShards] are given the algorithm "sha256-sharded-N", which the reference implementation compares; the
// schema of the specification says "sha256" there, and no verifier takes it.
//
// Errors: [ErrFormat] for names, digests or paths that Parse would refuse, and for an empty list.
func Emit(m *Manifest) ([]byte, error) {
	type res struct {
		Name      string `json:"name"`
		Algorithm string `json:"algorithm"`
		Digest    string `json:"digest"`
	}
	type ser struct {
		Method        string   `json:"method"`
		HashType      string   `json:"hash_type"`
		ShardSize     int64    `json:"shard_size,omitempty"`
		AllowSymlinks bool     `json:"allow_symlinks"`
		IgnorePaths   []string `json:"ignore_paths"`
	}
	type pred struct {
		Serialization ser   `json:"serialization"`
		Resources     []res `json:"resources"`
	}
	type doc struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     pred      `json:"predicate"`
	}
	sorted := Sorted(m.Resources)
	root := RootDigest(sorted)
	d := doc{
		Type:          StatementType,
		Subject:       []subject{{Name: m.Subject, Digest: map[string]string{SHA256: hex.EncodeToString(root[:])}}},
		PredicateType: PredicateType,
		Predicate: pred{
			Serialization: ser{m.Method, m.HashType, m.ShardSize, m.AllowSymlinks, slices.Compact(slices.Sorted(slices.Values(m.IgnorePaths)))},
			Resources:     make([]res, len(sorted)),
		},
	}
	if d.Predicate.Serialization.IgnorePaths == nil {
		d.Predicate.Serialization.IgnorePaths = []string{}
	}
	for i, r := range sorted {
		if !utf8.ValidString(r.Name) { // encoding/json would make another name of it
			return nil, malformed(at(i, "name"), "is not valid UTF-8")
		}
		algorithm := r.Algorithm
		if m.Method == MethodShards {
			algorithm = ShardAlgorithm(algorithm, m.ShardSize)
		}
		d.Predicate.Resources[i] = res{r.Name, algorithm, hex.EncodeToString(r.Digest)}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return nil, err
	}
	payload := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if _, err := Parse(payload); err != nil {
		return nil, err
	}
	return payload, nil
}
