package sign_test

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestMalformedShards breaks one rule for shards each, in a payload that is then signed properly, root digest included.
func TestMalformedShards(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Files(map[string]string{"w": strings.Repeat("x", 20), "z": "z"})
	m, err := sign.Measure(t.Context(), src, sign.SignOptions{ShardSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := manifest.Emit(m)
	if err != nil {
		t.Fatal(err)
	}
	rename := func(from, to string) func(d object) {
		return func(d object) {
			for i := range predicateOf(d)["resources"].([]any) {
				if r := resourceOf(d, i); r["name"] == from {
					r["name"] = to
					return
				}
			}
			t.Fatalf("no %s", from)
		}
	}
	for name, tt := range map[string]struct {
		field string
		edit  func(d object)
	}{
		"twin":             {"", func(object) {}},
		"plus":             {"name", rename("w:0:8", "w:+0:8")},
		"leading zero":     {"name", rename("w:0:8", "w:0:08")},
		"underscore":       {"name", rename("w:16:20", "w:16:2_0")},
		"no range":         {"name", rename("z:0:1", "z")},
		"gap":              {"name", rename("w:8:16", "y:8:16")},
		"overlap":          {"name", rename("w:8:16", "w:7:15")},
		"backwards":        {"name", rename("w:16:20", "w:20:16")},
		"too long":         {"name", rename("z:0:1", "z:0:9")},
		"leaves the model": {"name", rename("z:0:1", "../z:0:1")},
		"ours": {"predicate.resources", func(d object) {
			rename("z:0:1", ".holdfast/z:0:1")(d)
			delete(serializationOf(d), "ignore_paths")
		}},
		"ignored":         {"name", rename("z:0:1", ".git/z:0:1")},
		"below a file":    {"name", rename("z:0:1", "w/z:0:1")},
		"mixed spellings": {"algorithm", func(d object) { resourceOf(d, 3)["algorithm"] = "sha256" }},
		"another size":    {"algorithm", func(d object) { resourceOf(d, 0)["algorithm"] = "sha256-sharded-16" }},
		"shorter shards":  {"algorithm", func(d object) { serializationOf(d)["shard_size"] = 4 }},
		"no size":         {"predicate.serialization.shard_size", func(d object) { delete(serializationOf(d), "shard_size") }},
		"as files":        {"predicate.serialization.shard_size", func(d object) { serializationOf(d)["method"] = "files" }},
		"order, not root": {"subject[0].digest.sha256", func(d object) { r := predicateOf(d)["resources"].([]any); r[0], r[1] = r[1], r[0] }},
	} {
		var d object
		if err := json.Unmarshal(payload, &d); err != nil {
			t.Fatal(err)
		}
		tt.edit(d)
		text, _ := json.Marshal(d)
		_, err := sign.Open(t.Context(), src, anyModel(key), sign.WithBundle(signPayload(t, key, text)))
		fe, ok := errors.AsType[*manifest.FormatError](err)
		if tt.field == "" && err != nil || tt.field != "" && (!ok || !errors.Is(err, sign.ErrFormat) || !strings.HasSuffix(fe.Field, tt.field)) {
			t.Errorf("%s: %v, want it for %s", name, err, tt.field)
		}
	}
}

// TestWrongMethod: a bundle of one method is not accepted where only the other is trusted, even with the very key.
func TestWrongMethod(t *testing.T) {
	src := sample()
	root := issue(t, nil, ca)
	leaf := issue(t, root, signer)
	byKey, byCertificate := bundleOf(t, src, leaf.key), bundleOf(t, src, leaf.key, leaf.cert)
	certificates := sign.Policy{Roots: []*x509.Certificate{root.cert}, Identities: []string{"release@example.org"}, InsecureAnyModel: true}
	keys := sign.Policy{Keys: []crypto.PublicKey{leaf.key.Public()}, InsecureAnyModel: true}
	for name, tt := range map[string]struct {
		data []byte
		p    sign.Policy
		want error
	}{
		"key":                          {byKey, keys, nil},
		"certificate":                  {byCertificate, certificates, nil},
		"key where certificates count": {byKey, certificates, sign.ErrSignature},
		"certificate where keys count": {byCertificate, keys, sign.ErrSignature},
	} {
		if _, err := sign.Open(t.Context(), src, tt.p, sign.WithBundle(tt.data), atWhen()); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestManagedKeys: the vectors of sigstore's suite for keys are no model signatures. They are refused as such, their broken key as
// a key, and nothing is fallen back to where no key is given.
func TestManagedKeys(t *testing.T) {
	dir := testkit.Vectors(t, "sign", "sigstore-conformance")
	cases, _ := filepath.Glob(filepath.Join(dir, "managed-key-*", "bundle.sigstore.json"))
	if len(cases) != 4 {
		t.Errorf("%d cases, want 4", len(cases))
	}
	for _, file := range cases {
		name := filepath.Base(filepath.Dir(file))
		p := sign.Policy{InsecureAnyModel: true}
		want := sign.ErrFormat
		switch name {
		case "managed-key-no-key_fail":
			want = sign.ErrPolicy
		case "managed-key-wrong-key_fail":
			if _, err := bundle.ParsePublicKey(read(t, filepath.Join(filepath.Dir(file), "key.pub"))); !errors.Is(err, sign.ErrKey) {
				t.Errorf("a point off the curve: %v", err)
			}
			p.Keys = []crypto.PublicKey{signtest.Key(t).Public()}
		default:
			p.Keys = []crypto.PublicKey{publicKey(t, filepath.Join(filepath.Dir(file), "key.pub"))}
		}
		if _, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(read(t, file))); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
