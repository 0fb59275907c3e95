package sign_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// goodPayload lists two files, out of the specification's order, as the reference implementation does.
func goodPayload(t testing.TB) []byte {
	return statementOf(t, "tiny", []manifest.Resource{res("a/b", "1"), res("a-b", "2")})
}

type object = map[string]any

func predicateOf(d object) object     { return d["predicate"].(object) }
func serializationOf(d object) object { return predicateOf(d)["serialization"].(object) }
func resourceOf(d object, i int) object {
	return predicateOf(d)["resources"].([]any)[i].(object)
}

// malformedPayloads break one rule each (OMS v1.0) in a payload that is then signed properly.
var malformedPayloads = map[string]struct {
	field string
	kind  error
	edit  func(d object)
}{
	"statement type":        {"_type", sign.ErrFormat, func(d object) { d["_type"] = "https://in-toto.io/Statement/v0.1" }},
	"no statement type":     {"_type", sign.ErrFormat, func(d object) { delete(d, "_type") }},
	"unknown field":         {"statement", sign.ErrFormat, func(d object) { d["x"] = 1 }},
	"predicate type":        {"predicateType", sign.ErrFormat, func(d object) { d["predicateType"] = "https://slsa.dev/provenance/v1" }},
	"predicate type v2":     {"predicateType", sign.ErrFormat, func(d object) { d["predicateType"] = "https://model_signing/signature/v2.0" }},
	"predicate type v1.":    {"predicateType", sign.ErrFormat, func(d object) { d["predicateType"] = "https://model_signing/signature/v1." }},
	"predicate type v1.01":  {"predicateType", sign.ErrFormat, func(d object) { d["predicateType"] = "https://model_signing/signature/v1.01" }},
	"predicate type v0.2":   {"predicateType", sign.ErrUnsupported, func(d object) { d["predicateType"] = "https://model_signing/Digests/v0.1" }},
	"no predicate type":     {"predicateType", sign.ErrFormat, func(d object) { delete(d, "predicateType") }},
	"no subject":            {"subject", sign.ErrFormat, func(d object) { d["subject"] = []any{} }},
	"subject absent":        {"subject", sign.ErrFormat, func(d object) { delete(d, "subject") }},
	"two subjects":          {"subject", sign.ErrFormat, func(d object) { d["subject"] = append(d["subject"].([]any), d["subject"].([]any)[0]) }},
	"subject no object":     {"subject[0]", sign.ErrFormat, func(d object) { d["subject"] = []any{nil} }},
	"subject without name":  {"subject[0].name", sign.ErrFormat, func(d object) { delete(d["subject"].([]any)[0].(object), "name") }},
	"root digest absent":    {"subject[0].digest.sha256", sign.ErrFormat, func(d object) { d["subject"].([]any)[0].(object)["digest"] = object{"sha512": "00"} }},
	"root digest upper":     {"subject[0].digest.sha256", sign.ErrFormat, func(d object) { upper(d["subject"].([]any)[0].(object)["digest"].(object), "sha256") }},
	"root digest wrong":     {"subject[0].digest.sha256", sign.ErrFormat, func(d object) { resourceOf(d, 0)["digest"] = hexOf(res("", "x").Digest) }},
	"root digest reordered": {"subject[0].digest.sha256", sign.ErrFormat, func(d object) { r := predicateOf(d)["resources"].([]any); r[0], r[1] = r[1], r[0] }},
	"no predicate":          {"predicate", sign.ErrFormat, func(d object) { delete(d, "predicate") }},
	"null predicate":        {"predicate", sign.ErrFormat, func(d object) { d["predicate"] = nil }},
	"predicate field":       {"predicate", sign.ErrFormat, func(d object) { predicateOf(d)["x"] = 1 }},
	"no serialization":      {"predicate.serialization", sign.ErrFormat, func(d object) { delete(predicateOf(d), "serialization") }},
	"serialization field":   {"predicate", sign.ErrFormat, func(d object) { serializationOf(d)["x"] = 1 }},
	"symlinks no bool":      {"predicate", sign.ErrFormat, func(d object) { serializationOf(d)["allow_symlinks"] = "no" }},
	"method":                {"predicate.serialization.method", sign.ErrFormat, func(d object) { serializationOf(d)["method"] = "blocks" }},
	"no method":             {"predicate.serialization.method", sign.ErrFormat, func(d object) { delete(serializationOf(d), "method") }},
	"shards of whole files": {"predicate.resources[0].name", sign.ErrFormat, func(d object) { s := serializationOf(d); s["method"], s["shard_size"] = "shards", 8.0 }},
	"shards without size":   {"predicate.serialization.shard_size", sign.ErrFormat, func(d object) { serializationOf(d)["method"] = "shards" }},
	"shards of 8.5":         {"predicate.serialization.shard_size", sign.ErrFormat, func(d object) { s := serializationOf(d); s["method"], s["shard_size"] = "shards", 8.5 }},
	"shards of 0":           {"predicate.serialization.shard_size", sign.ErrFormat, func(d object) { s := serializationOf(d); s["method"], s["shard_size"] = "shards", 0 }},
	"shards of 1e18":        {"predicate.serialization.shard_size", sign.ErrFormat, func(d object) { s := serializationOf(d); s["method"], s["shard_size"] = "shards", 1e18 }},
	"files with shard size": {"predicate.serialization.shard_size", sign.ErrFormat, func(d object) { serializationOf(d)["shard_size"] = 8.0 }},
	"hash type":             {"predicate.serialization.hash_type", sign.ErrFormat, func(d object) { serializationOf(d)["hash_type"] = "md5" }},
	"no hash type":          {"predicate.serialization.hash_type", sign.ErrFormat, func(d object) { delete(serializationOf(d), "hash_type") }},
	"hash type of others":   {"predicate.resources[0].algorithm", sign.ErrFormat, func(d object) { serializationOf(d)["hash_type"] = "blake2b" }},
	"ignore absolute":       {"predicate.serialization.ignore_paths[0]", sign.ErrFormat, func(d object) { serializationOf(d)["ignore_paths"] = []any{"/etc"} }},
	"ignore outside":        {"predicate.serialization.ignore_paths[1]", sign.ErrFormat, func(d object) { serializationOf(d)["ignore_paths"] = []any{"a", "../b"} }},
	"ignore everything":     {"predicate.serialization.ignore_paths[0]", sign.ErrFormat, func(d object) { serializationOf(d)["ignore_paths"] = []any{"."} }},
	"no resources":          {"predicate.resources", sign.ErrFormat, func(d object) { delete(predicateOf(d), "resources") }},
	"empty resources":       {"predicate.resources", sign.ErrFormat, func(d object) { predicateOf(d)["resources"] = []any{} }},
	"resource no object":    {"predicate.resources[1]", sign.ErrFormat, func(d object) { predicateOf(d)["resources"].([]any)[1] = "a" }},
	"resource case variant": {"predicate.resources[1]", sign.ErrFormat, func(d object) { r := resourceOf(d, 1); r["Name"] = r["name"]; delete(r, "name") }},
	"no name":               {"predicate.resources[0].name", sign.ErrFormat, func(d object) { delete(resourceOf(d, 0), "name") }},
	"no algorithm":          {"predicate.resources[0].algorithm", sign.ErrFormat, func(d object) { delete(resourceOf(d, 0), "algorithm") }},
	"no digest":             {"predicate.resources[0].digest", sign.ErrFormat, func(d object) { delete(resourceOf(d, 0), "digest") }},
	"mixed algorithms":      {"predicate.resources[1].algorithm", sign.ErrFormat, func(d object) { resourceOf(d, 1)["algorithm"] = "blake3" }},
	"sharded algorithm":     {"predicate.resources[1].algorithm", sign.ErrFormat, func(d object) { resourceOf(d, 1)["algorithm"] = "sha256-sharded-8" }},
	"digest short":          {"predicate.resources[0].digest", sign.ErrFormat, func(d object) { resourceOf(d, 0)["digest"] = "00" }},
	"digest long":           {"predicate.resources[0].digest", sign.ErrFormat, func(d object) { resourceOf(d, 0)["digest"] = strings.Repeat("0", 128) }},
	"digest upper":          {"predicate.resources[0].digest", sign.ErrFormat, func(d object) { upper(resourceOf(d, 0), "digest") }},
	"digest no hex":         {"predicate.resources[0].digest", sign.ErrFormat, func(d object) { resourceOf(d, 0)["digest"] = strings.Repeat("g", 64) }},
	"duplicate name":        {"predicate.resources[1].name", sign.ErrFormat, func(d object) { resourceOf(d, 1)["name"] = "a/b" }},
	"name absolute":         {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "/etc/passwd" }},
	"name outside":          {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "../../etc/passwd" }},
	"name dot dot inside":   {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "a/../b" }},
	"name dot component":    {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "a/./b" }},
	"name empty component":  {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "a//b" }},
	"name trailing slash":   {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "a/" }},
	"name backslash":        {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = `a\b` }},
	"name NUL":              {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "a\x00b" }},
	"name empty":            {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "" }},
	"name dot of two":       {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = "." }},
	"name too long":         {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = strings.Repeat("x", 5000) }},
	"name too deep":         {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 0)["name"] = strings.Repeat("x/", 70) + "x" }},
	"file as directory":     {"predicate.resources[0].name", sign.ErrFormat, func(d object) { resourceOf(d, 1)["name"] = "a" }},
	"digest of another": {"predicate.resources[0].digest", sign.ErrFormat, func(d object) {
		serializationOf(d)["hash_type"] = "blake2b" // whose digests are longer
		for i := range 2 {
			resourceOf(d, i)["algorithm"] = "blake2b"
		}
	}},
	"signs our directory": {"predicate.resources", sign.ErrFormat, func(d object) { resourceOf(d, 1)["name"] = ".holdfast/x" }},
}

func upper(o object, key string) { o[key] = strings.ToUpper(o[key].(string)) }

func TestMalformedPayloads(t *testing.T) {
	key := signtest.Key(t)
	for name, c := range malformedPayloads {
		t.Run(name, func(t *testing.T) {
			var d object
			if err := json.Unmarshal(goodPayload(t), &d); err != nil {
				t.Fatal(err)
			}
			c.edit(d)
			payload, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, signPayload(t, key, payload), anyModel(key), c.kind, c.field)
		})
	}
}

// TestMalformedText breaks rules that cannot be broken through a JSON encoder.
func TestMalformedText(t *testing.T) {
	key := signtest.Key(t)
	good := string(goodPayload(t))
	for name, c := range map[string]struct{ old, new, field string }{
		"duplicate key":             {`"_type":`, `"predicateType":"x","_type":`, "statement"},
		"duplicate key in resource": {`"name":"a-b"`, `"name":"x","name":"a-b"`, "statement"},
		"escaped duplicate":         {`"name":"a-b"`, `"n\u0061me":"x","name":"a-b"`, "statement"},
		"invalid UTF-8":             {`a-b`, "a\xffb", "statement"},
		"lone surrogate":            {`a-b`, `a\ud800b`, "statement"},
		"trailing bytes":            {good, good + "{}", "statement"},
		"truncated":                 {good, good[:len(good)-1], "statement"},
		"not an object":             {good, "[]", "statement"},
		"null":                      {good, "null", "statement"},
		"empty":                     {good, "", "statement"},
		"too deep":                  {`"name":"a-b"`, `"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"name":"a-b"`, "statement"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			if bad == good {
				t.Fatal("nothing was changed")
			}
			refused(t, signPayload(t, key, []byte(bad)), anyModel(key), sign.ErrFormat, c.field)
		})
	}
}

func refused(t *testing.T, b []byte, p sign.Policy, kind error, field string) {
	t.Helper()
	_, err := sign.Open(t.Context(), signtest.Files(map[string]string{"a/b": "1", "a-b": "2"}), p, sign.WithBundle(b))
	fe, ok := errors.AsType[*manifest.FormatError](err)
	if !ok || !errors.Is(err, kind) || fe.Field != field {
		t.Errorf("%v; want %v for %s", err, kind, field)
	}
}

// TestAccepted is the twin of the tests above: what the reference implementation writes passes.
func TestAccepted(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Files(map[string]string{"a/b": "1", "a-b": "2"})
	for name, edit := range map[string]func(d object){
		"component-wise order": func(object) {},
		"minor version":        func(d object) { d["predicateType"] = "https://model_signing/signature/v1.7" },
		"resource fields":      func(d object) { resourceOf(d, 0)["size"] = 1.0 },
		"subject fields":       func(d object) { d["subject"].([]any)[0].(object)["uri"] = "x" },
		"further root digests": func(d object) { d["subject"].([]any)[0].(object)["digest"].(object)["sha512"] = "00" },
		"ignore paths":         func(d object) { serializationOf(d)["ignore_paths"] = []any{"model.sig", ".git"} },
		"symlinks allowed":     func(d object) { serializationOf(d)["allow_symlinks"] = true },
	} {
		t.Run(name, func(t *testing.T) {
			var d object
			if err := json.Unmarshal(goodPayload(t), &d); err != nil {
				t.Fatal(err)
			}
			edit(d)
			payload, _ := json.MarshalIndent(d, "", "  ")
			m := open(t, src, anyModel(key), sign.WithBundle(signPayload(t, key, payload)))
			if err := m.VerifyAll(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if m.Files()[0].Name != "a/b" {
				t.Error("order of the payload is lost")
			}
			if m.Identity().ModelID != manifest.ModelID("files", "", []manifest.Resource{res("a-b", "2"), res("a/b", "1")}) {
				t.Error("identity depends on the order")
			}
		})
	}
}

// TestMalformedBundles breaks the outer layers of a good bundle, whose signature stays valid where it is left alone.
func TestMalformedBundles(t *testing.T) {
	key := signtest.Key(t)
	good := signPayload(t, key, goodPayload(t))
	env := func(d object) object { return d["dsseEnvelope"].(object) }
	material := func(d object) object { return d["verificationMaterial"].(object) }
	sig := func(d object) object { return env(d)["signatures"].([]any)[0].(object) }
	for name, c := range map[string]struct {
		field string
		kind  error
		edit  func(d object)
	}{
		"twin":                 {"", nil, func(object) {}},
		"keyid null":           {"", nil, func(d object) { sig(d)["keyid"] = nil }},
		"keyid empty":          {"", nil, func(d object) { sig(d)["keyid"] = "" }},
		"keyid of another key": {"", nil, func(d object) { sig(d)["keyid"] = "x" }},
		"rawBytes": {"", nil, func(d object) {
			material(d)["publicKey"] = object{"rawBytes": "AA==", "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
		}},
		"no log entries":  {"", nil, func(d object) { delete(material(d), "tlogEntries") }},
		"media type":      {"mediaType", sign.ErrFormat, func(d object) { d["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.2+json" }},
		"no media type":   {"mediaType", sign.ErrFormat, func(d object) { delete(d, "mediaType") }},
		"unknown field":   {"bundle", sign.ErrFormat, func(d object) { d["messageSignature"] = object{} }},
		"envelope field":  {"bundle", sign.ErrFormat, func(d object) { env(d)["x"] = 1 }},
		"signature field": {"bundle", sign.ErrFormat, func(d object) { sig(d)["x"] = 1 }},
		"no envelope":     {"dsseEnvelope", sign.ErrFormat, func(d object) { delete(d, "dsseEnvelope") }},
		"payload type":    {"dsseEnvelope.payloadType", sign.ErrFormat, func(d object) { env(d)["payloadType"] = "application/json" }},
		"two signatures":  {"dsseEnvelope.signatures", sign.ErrFormat, func(d object) { env(d)["signatures"] = []any{sig(d), sig(d)} }},
		"no signature":    {"dsseEnvelope.signatures", sign.ErrFormat, func(d object) { env(d)["signatures"] = []any{} }},
		"empty signature": {"dsseEnvelope.signatures[0].sig", sign.ErrFormat, func(d object) { sig(d)["sig"] = "" }},
		"payload base64":  {"dsseEnvelope.payload", sign.ErrFormat, func(d object) { env(d)["payload"] = "!" }},
		"payload line break": {"dsseEnvelope.payload", sign.ErrFormat, func(d object) {
			env(d)["payload"] = env(d)["payload"].(string)[:4] + "\n" + env(d)["payload"].(string)[4:]
		}},
		"signature base64url": {"dsseEnvelope.signatures[0].sig", sign.ErrFormat, func(d object) { sig(d)["sig"] = "__8=" }},
		"no material":         {"verificationMaterial", sign.ErrFormat, func(d object) { delete(d, "verificationMaterial") }},
		"empty material":      {"verificationMaterial", sign.ErrFormat, func(d object) { d["verificationMaterial"] = object{} }},
		"key and chain":       {"verificationMaterial", sign.ErrFormat, func(d object) { material(d)["x509CertificateChain"] = object{} }},
		"key and certificate": {"verificationMaterial", sign.ErrFormat, func(d object) { material(d)["certificate"] = object{} }},
		"empty key":           {"verificationMaterial.publicKey", sign.ErrFormat, func(d object) { material(d)["publicKey"] = object{} }},
		"key no object":       {"verificationMaterial.publicKey", sign.ErrFormat, func(d object) { material(d)["publicKey"] = "x" }},
		"no certificates":     {"verificationMaterial", sign.ErrFormat, func(d object) { d["verificationMaterial"] = object{"x509CertificateChain": object{}} }},
		"no certificate":      {"verificationMaterial.certificates[0]", sign.ErrFormat, func(d object) { d["verificationMaterial"] = object{"certificate": object{"rawBytes": "MAA="}} }},
		"certificate no text": {"verificationMaterial.certificates[0]", sign.ErrFormat, func(d object) { d["verificationMaterial"] = object{"certificate": object{"rawBytes": "?"}} }},
		"log entries are none": {"bundle", sign.ErrFormat, func(d object) {
			d["verificationMaterial"] = object{"certificate": object{}, "tlogEntries": object{}}
		}},
		"keyless": {"verificationMaterial", sign.ErrUnsupported, func(d object) {
			d["verificationMaterial"] = object{"certificate": object{}, "tlogEntries": []any{object{}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var d object
			if err := json.Unmarshal(good, &d); err != nil {
				t.Fatal(err)
			}
			c.edit(d)
			b, _ := json.Marshal(d)
			if c.kind != nil {
				refused(t, b, anyModel(key), c.kind, c.field)
				return
			}
			open(t, signtest.Files(map[string]string{"a/b": "1", "a-b": "2"}), anyModel(key), sign.WithBundle(b))
		})
	}
}

// TestSignatureCoversPayload flips each bit of the payload's start and of the signature in turn.
func TestSignatureCoversPayload(t *testing.T) {
	key := signtest.Key(t)
	good := signPayload(t, key, goodPayload(t))
	src := signtest.Files(nil)
	var d object
	if err := json.Unmarshal(good, &d); err != nil {
		t.Fatal(err)
	}
	env := d["dsseEnvelope"].(object)
	sig := env["signatures"].([]any)[0].(object)
	flip := func(o object, field string, limit int) {
		text := o[field].(string)
		raw, _ := base64.StdEncoding.DecodeString(text)
		for i := range min(limit, len(raw)*8) {
			bad := bytes.Clone(raw)
			bad[i/8] ^= 1 << (i % 8)
			o[field] = base64.StdEncoding.EncodeToString(bad)
			b, _ := json.Marshal(d)
			if _, err := sign.Open(t.Context(), src, anyModel(key), sign.WithBundle(b)); !errors.Is(err, sign.ErrSignature) {
				t.Fatalf("%s with bit %d flipped: %v", field, i, err)
			}
		}
		o[field] = text
	}
	flip(env, "payload", 256)
	flip(sig, "sig", 72*8)
}

// TestRawSignatureRefused: only ASN.1 DER is a signature; sigstore's own verifier would take r||s as well.
func TestRawSignatureRefused(t *testing.T) {
	key := signtest.Key(t)
	good := signPayload(t, key, goodPayload(t))
	var d object
	if err := json.Unmarshal(good, &d); err != nil {
		t.Fatal(err)
	}
	sig := d["dsseEnvelope"].(object)["signatures"].([]any)[0].(object)
	der, _ := base64.StdEncoding.DecodeString(sig["sig"].(string))
	sig["sig"] = base64.StdEncoding.EncodeToString(rawOf(t, der))
	b, _ := json.Marshal(d)
	if _, err := sign.Open(t.Context(), sample(), anyModel(key), sign.WithBundle(b)); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("raw r||s: %v", err)
	}
}
