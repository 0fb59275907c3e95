package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// Names at their bounds, and what is a name for some readers only.
func TestNames(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("d/", n) + "f" }
	for name, ok := range map[string]bool{
		"f": true, "d/f": true, strings.Repeat("n", MaxName): true, strings.Repeat("n", MaxName+1): false, deep(maxNesting): true, deep(maxNesting + 1): false,
		"": false, ".": false, "..": false, "d/../f": false, "/f": false, "d//f": false, "d/": false, `d\f`: false, "f\x00": false, "\xff": false, "d/\xc3": false, "é": true,
	} {
		if err := CheckName(name); (err == nil) != ok || err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("%.20q of %d bytes: %v", name, len(name), err)
		}
	}
}

// Each change to a statement that is accepted is refused, whoever signed it.
func TestStatements(t *testing.T) {
	b, err := emit("model", []Resource{res("a", "1"), res("b", "2")})
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	digest := string(hexOf(t, good))
	for name, c := range map[string]struct {
		old, replacement string
		want             error
	}{
		"nothing":             {"{", "{", nil},
		"a later version":     {`signature/v1.0"`, `signature/v1.12"`, nil},
		"longest subject":     {`"model"`, `"` + strings.Repeat("m", MaxName) + `"`, nil},
		"longer subject":      {`"model"`, `"` + strings.Repeat("m", MaxName+1) + `"`, ErrFormat},
		"no subject's name":   {`"model"`, `""`, ErrFormat},
		"another type":        {StatementType, StatementType + "x", ErrFormat},
		"no type":             {`"_type"`, `"_typ"`, ErrFormat},
		"version 2":           {`signature/v1.0"`, `signature/v2.0"`, ErrFormat},
		"no minor version":    {`signature/v1.0"`, `signature/v1."`, ErrFormat},
		"a version with zero": {`signature/v1.0"`, `signature/v1.00"`, ErrFormat},
		"a version with sign": {`signature/v1.0"`, `signature/v1.+1"`, ErrFormat},
		"a large version":     {`signature/v1.0"`, `signature/v1.65536"`, ErrFormat},
		"before 1.0":          {PredicateType, "https://model_signing/Digests/v0.1", ErrUnsupported},
		"no predicate":        {`"predicate":`, `"predicat2":`, ErrFormat},
		"predicate is null":   {`"predicate":{`, `"predicate":null,"x":{`, ErrFormat},
		"no serialization":    {`"serialization":`, `"Serialization":`, ErrFormat},
		"another root":        {digest[:4], "0000", ErrFormat},
		"another method":      {`"method":"files"`, `"method":"file"`, ErrFormat},
		"shards beside files": {`"method":"files"`, `"method":"files","shard_size":8`, ErrFormat},
		"an unknown hash":     {`"hash_type":"sha256"`, `"hash_type":"md5"`, ErrFormat},
		"another algorithm":   {`"algorithm":"sha256"`, `"algorithm":"blake3"`, ErrFormat},
		"shards' algorithm":   {`"algorithm":"sha256"`, `"algorithm":"sha256-sharded-0"`, ErrFormat},
		"resource is null":    {`"resources":[`, `"resources":[null,`, ErrFormat},
		"no resources":        {`"resources":[`, `"resources":[],"x":[`, ErrFormat},
		"resource of no name": {`"name":"a"`, `"nam":"a"`, ErrFormat},
		"no algorithm":        {`"algorithm":"sha256"`, `"algorith":"sha256"`, ErrFormat},
		"no digest":           {`"digest":"`, `"diges":"`, ErrFormat},
		"two of one name":     {`"name":"b"`, `"name":"a"`, ErrFormat},
		"file and directory":  {`"name":"b"`, `"name":"a/b"`, ErrFormat},
		"ignored outside":     {`"ignore_paths":[`, `"ignore_paths":["../x"`, ErrFormat},
	} {
		text := strings.Replace(good, c.old, c.replacement, 1)
		if text == good && c.want != nil {
			t.Fatalf("%s: %q is not in %s", name, c.old, good)
		}
		if m, err := Parse([]byte(text)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (m == nil) != (c.want != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// The same digest in capitals is another text.
	if _, err := Parse([]byte(strings.Replace(good, digest, strings.ToUpper(digest), 1))); !errors.Is(err, ErrFormat) {
		t.Errorf("digest in capitals: %v", err)
	}
}

// hexOf is the root digest as the statement writes it.
func hexOf(t *testing.T, statement string) []byte {
	t.Helper()
	var st struct {
		Subject []struct{ Digest map[string]string }
	}
	if err := json.Unmarshal([]byte(statement), &st); err != nil {
		t.Fatal(err)
	}
	return []byte(st.Subject[0].Digest[SHA256])
}

// What stands for a file in claims tells two files apart by any of their shards, and by how they are cut.
func TestFileID(t *testing.T) {
	whole := &File{Algorithm: SHA256, Digest: []byte("digest")}
	if !bytes.Equal(whole.ID(), whole.Digest) {
		t.Errorf("a whole file: %x", whole.ID())
	}
	seen := map[string]string{}
	for name, f := range map[string]*File{
		"two shards":         {Algorithm: SHA256, ShardSize: 8, Shards: []Shard{{Digest: []byte("a")}, {Digest: []byte("b")}}},
		"another first":      {Algorithm: SHA256, ShardSize: 8, Shards: []Shard{{Digest: []byte("c")}, {Digest: []byte("b")}}},
		"another last":       {Algorithm: SHA256, ShardSize: 8, Shards: []Shard{{Digest: []byte("a")}, {Digest: []byte("c")}}},
		"one":                {Algorithm: SHA256, ShardSize: 8, Shards: []Shard{{Digest: []byte("a")}}},
		"larger shards":      {Algorithm: SHA256, ShardSize: 16, Shards: []Shard{{Digest: []byte("a")}, {Digest: []byte("b")}}},
		"another algorithm":  {Algorithm: BLAKE3, ShardSize: 8, Shards: []Shard{{Digest: []byte("a")}, {Digest: []byte("b")}}},
		"shards of no bytes": {Algorithm: SHA256, ShardSize: 8},
	} {
		if other, twice := seen[string(f.ID())]; twice {
			t.Errorf("%s and %s have one identity", name, other)
		}
		seen[string(f.ID())] = name
	}
}
