package sign_test

import (
	"bytes"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// schemas compiles the specification's JSON schemas, of bundle and statement.
func schemas(t *testing.T) (whole, statement *jsonschema.Schema) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(testkit.Vectors(t, "sign", "model-signing-spec", "schemas"), "*.schema.json"))
	if len(files) != 4 {
		t.Fatalf("%d schemas, want 4", len(files))
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	ids := map[string]string{}
	for _, f := range files {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, f)))
		if err != nil {
			t.Fatal(err)
		}
		id, _ := doc.(map[string]any)["$id"].(string)
		ids[strings.TrimSuffix(filepath.Base(f), ".schema.json")] = id
		if err := c.AddResource(id, doc); err != nil {
			t.Fatal(err)
		}
	}
	compile := func(name string) *jsonschema.Schema {
		s, err := c.Compile(ids[name])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return compile("bundle"), compile("statement")
}

func fits(s *jsonschema.Schema, data []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// TestSchemas: what is written fits the specification's schemas, except in shards, whose algorithm no implementation writes as the
// schema has it (see [sign.SignOptions].ShardSize); and the schemas give the specification's examples their verdicts.
func TestSchemas(t *testing.T) {
	whole, statement := schemas(t)
	root := testkit.Vectors(t, "sign", "model-signing-spec")
	for name, want := range map[string]bool{
		"valid/key": true, "valid/certificate": true, "invalid/empty": false, "invalid/missing-envelope": false, "invalid/missing-verification-material": false,
	} {
		if err := fits(whole, read(t, filepath.Join(root, name+".bundle.json"))); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	ca, key := issue(t, nil, ca), signtest.Key(t)
	leaf := issue(t, ca, signer)
	for name, o := range map[string]sign.SignOptions{
		"files": {}, "subject": {Subject: "m"}, "ignored": {IgnorePaths: []string{"b"}}, "links": {AllowSymlinks: true},
		"certificate": {Chain: []*x509.Certificate{leaf.cert, ca.cert}}, "shards": {ShardSize: 8},
	} {
		k := key
		if o.Chain != nil {
			k = leaf.key
		}
		b, _, err := sign.Sign(t.Context(), signtest.Files(map[string]string{"a/w": strings.Repeat("x", 20), "b": "1", "c-d": "", "é ü": "2"}), k, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := fits(whole, b); err != nil {
			t.Errorf("%s: bundle: %v", name, err)
		}
		err = fits(statement, payloadOf(t, b))
		if shards := o.ShardSize > 0; (err != nil) != shards || shards && !strings.Contains(err.Error(), "algorithm") {
			t.Errorf("%s: statement: %v", name, err)
		}
	}
	if err := fits(statement, payloadOf(t, read(t, filepath.Join(root, "valid/key.bundle.json")))); err != nil {
		t.Errorf("the statement of valid/key: %v", err)
	}
	if fits(statement, []byte(`{"_type":"https://in-toto.io/Statement/v1"}`)) == nil {
		t.Error("the schema of statements accepts anything")
	}
}
