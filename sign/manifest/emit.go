package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Emit writes the statement for resources, which it sorts by name; ignore lists the paths that were left out, with their
// subtrees. Equal input gives equal bytes. What it returns passes [Parse].
// Errors: [ErrFormat] for names, digests or paths that Parse would refuse, and for an empty list.
func Emit(subjectName string, resources []Resource, ignore []string) ([]byte, error) {
	type res struct {
		Name      string `json:"name"`
		Algorithm string `json:"algorithm"`
		Digest    string `json:"digest"`
	}
	type ser struct {
		Method        string   `json:"method"`
		HashType      string   `json:"hash_type"`
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
	if err := checkNames(resources); err != nil { // encoding/json would replace invalid UTF-8 and make another name of it
		return nil, err
	}
	sorted := Sorted(resources)
	root := RootDigest(sorted)
	d := doc{
		Type:          StatementType,
		Subject:       []subject{{Name: subjectName, Digest: map[string]string{SHA256: hex.EncodeToString(root[:])}}},
		PredicateType: PredicateType,
		Predicate: pred{
			Serialization: ser{Method: MethodFiles, HashType: SHA256, IgnorePaths: slices.Compact(slices.Sorted(slices.Values(ignore)))},
			Resources:     make([]res, len(sorted)),
		},
	}
	if d.Predicate.Serialization.IgnorePaths == nil {
		d.Predicate.Serialization.IgnorePaths = []string{}
	}
	for i, r := range sorted {
		d.Predicate.Resources[i] = res{r.Name, r.Algorithm, hex.EncodeToString(r.Digest)}
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
