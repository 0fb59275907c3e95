package sign_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// lintCodes lists the codes of what Lint finds, in its order.
func lintCodes(list []sign.Finding) string {
	var out []string
	for _, f := range list {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

func materialOf(d object) object { return d["verificationMaterial"].(object) }

// loneCertificate writes the certificate of a chain as some signers do that have no chain.
func loneCertificate(d object) {
	chain := materialOf(d)["x509CertificateChain"].(object)["certificates"].([]any)
	d["verificationMaterial"] = object{"certificate": chain[0]}
}

func payloadOf(t testing.TB, data []byte) []byte {
	t.Helper()
	b, err := bundle.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return b.Payload
}

// reordered signs the resources of a bundle in reverse, with the root digest that goes with it.
func reordered(t testing.TB, key *ecdsa.PrivateKey, data []byte) []byte {
	t.Helper()
	m, err := manifest.Parse(payloadOf(t, data))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(m.Resources)
	var d object
	if err := json.Unmarshal(statementOf(t, "tiny", m.Resources), &d); err != nil {
		t.Fatal(err)
	}
	serializationOf(d)["ignore_paths"] = []any{}
	b, _ := json.Marshal(d)
	return signPayload(t, key, b)
}

// TestLint starts from bundles without findings and changes one thing.
func TestLint(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Files(map[string]string{"a/b": "1", "a-b": "2", "c:8": strings.Repeat("x", 20)})
	plain, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	shards, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	delete(src, "c:8")
	fewShards, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, nil, ca)
	leaf := issue(t, root, signer)
	chain := bundleOf(t, src, leaf.key, []*x509.Certificate{leaf.cert, root.cert}...)
	one := signtest.Files(map[string]string{"weights": "1"})
	file, _, err := sign.Sign(t.Context(), one, key, sign.SignOptions{Subject: "weights"})
	if err != nil {
		t.Fatal(err)
	}
	oneInDir, _, err := sign.Sign(t.Context(), one, key, sign.SignOptions{Subject: "model"})
	if err != nil {
		t.Fatal(err)
	}
	payload := func(data []byte, edit func(d object)) []byte {
		var d object
		if err := json.Unmarshal(payloadOf(t, data), &d); err != nil {
			t.Fatal(err)
		}
		edit(d)
		b, _ := json.Marshal(d)
		return signPayload(t, key, b)
	}
	outer := func(data []byte, edit func(d object)) []byte {
		var d object
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		edit(d)
		b, _ := json.Marshal(d)
		return b
	}
	for name, tt := range map[string]struct {
		data  []byte
		codes string
		peers []string // of the last finding
	}{
		"files":             {plain, "", nil},
		"file":              {file, "single_file", []string{sign.PeerPython, sign.PeerPythonCommand}},
		"one in directory":  {oneInDir, "", nil},
		"shards":            {fewShards, "shards shard_spelling", []string{sign.PeerSchema}},
		"shards of colons":  {shards, "shards shard_spelling shard_colon", []string{sign.PeerPython}},
		"spelling":          {payload(fewShards, func(d object) { resourceOf(d, 0)["algorithm"], resourceOf(d, 1)["algorithm"] = "sha256", "sha256" }), "shards shard_spelling", []string{sign.PeerPython, sign.PeerGo}},
		"float":             {signPayload(t, key, []byte(strings.Replace(string(payloadOf(t, fewShards)), `"shard_size":8`, `"shard_size":8.0`, 1))), "shards shard_spelling shard_size_number", []string{sign.PeerPython}},
		"predicate":         {payload(plain, func(d object) { d["predicateType"] = "https://model_signing/signature/v1.1" }), "predicate_type", []string{sign.PeerPython}},
		"symlinks":          {payload(plain, func(d object) { serializationOf(d)["allow_symlinks"] = true }), "symlinks", []string{sign.PeerPython, sign.PeerPythonCommand}},
		"no ignored paths":  {payload(plain, func(d object) { delete(serializationOf(d), "ignore_paths") }), "no_ignore_paths", nil},
		"order":             {reordered(t, key, plain), "order", []string{sign.PeerGo}},
		"chain":             {chain, "certificate_chain", []string{sign.PeerSigstoreGo}},
		"lone certificate":  {outer(chain, loneCertificate), "lone_certificate", []string{sign.PeerPython}},
		"keyless":           {keyless(t, plain), "keyless", nil},
		"hint":              {outer(plain, func(d object) { materialOf(d)["publicKey"] = object{"hint": "x"} }), "hint", []string{sign.PeerPython, sign.PeerPythonCommand}},
		"raw bytes, not it": {outer(plain, func(d object) { materialOf(d)["publicKey"] = object{"rawBytes": "x"} }), "no_hint", nil},
	} {
		list, err := sign.Lint(tt.data, key.Public())
		if err != nil || lintCodes(list) != tt.codes {
			t.Errorf("%s: %q, want %q: %v", name, lintCodes(list), tt.codes, err)
			continue
		}
		for i, f := range list {
			if f.Detail == "" || i == len(list)-1 && !slices.Equal(f.RefusedBy, tt.peers) {
				t.Errorf("%s: %+v, want %q", name, f, tt.peers)
			}
		}
	}
	if list, err := sign.Lint(outer(plain, func(d object) { materialOf(d)["publicKey"] = object{"hint": "x"} }), signtest.Key(t).Public()); err != nil || len(list) != 0 {
		t.Errorf("the hint of another key: %+v, %v", list, err)
	}
	if _, err := sign.Lint([]byte("{}")); !errors.Is(err, sign.ErrFormat) {
		t.Errorf("malformed: %v", err)
	}
}

// TestLintVectors: what the reference implementation wrote over time.
func TestLintVectors(t *testing.T) {
	root := testkit.Vectors(t, "sign")
	for file, want := range map[string]string{
		py + "v0.3.1-elliptic-key/model.sig": "no_hint single_file no_ignore_paths",
		py + "v1.0.1-elliptic-key/model.sig": "no_hint no_ignore_paths",
		py + "v1.1.0-elliptic-key/model.sig": "",
		py + "v1.1.0-certificate/model.sig":  "certificate_chain",
		spec + "valid/key.bundle.json":       "",
	} {
		if list, err := sign.Lint(read(t, filepath.Join(root, file))); err != nil || lintCodes(list) != want {
			t.Errorf("%s: %q, want %q: %v", file, lintCodes(list), want, err)
		}
	}
}
