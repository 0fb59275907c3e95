package sign_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

func pemOf(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	text, err := bundle.MarshalPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func fingerprint(t testing.TB, key crypto.PublicKey) [32]byte {
	t.Helper()
	f, err := bundle.Fingerprint(key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fullPolicy sets every field that JSON can express, and gives the document beside it.
func fullPolicy(t testing.TB) (object, sign.Policy) {
	t.Helper()
	a, b, d := signtest.Key(t).Public(), signtest.Key(t).Public(), signtest.Key(t).Public()
	root := issue(t, nil, ca).cert
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	id := [32]byte{1, 2}
	doc := object{
		"version": 1, "mode": "enforce", "signers": 2,
		"keys":       []any{object{"pem": pemOf(t, a)}, object{"pem": pemOf(t, b), "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z"}},
		"roots":      []any{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))},
		"identities": []any{"release@example.org"}, "identity_patterns": []any{`ci-[0-9]+@example\.org`}, "insecure_any_identity": false,
		"name": "tiny", "min_version": 7, "model_ids": []any{hex.EncodeToString(id[:])}, "insecure_any_model": false,
		"deny_list": object{"keys": []any{pemOf(t, d)}, "min_number": 3},
	}
	return doc, sign.Policy{
		Keys: []crypto.PublicKey{a, b}, KeyWindows: []sign.KeyWindow{{Fingerprint: fingerprint(t, b), NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}},
		Roots: []*x509.Certificate{root}, Identities: []string{"release@example.org"}, IdentityPatterns: []string{`ci-[0-9]+@example\.org`},
		Signers: 2, Name: "tiny", MinVersion: 7, ModelIDs: [][32]byte{id}, DenyListKeys: []crypto.PublicKey{d}, MinDenyList: 3,
	}
}

func TestParsePolicy(t *testing.T) {
	doc, want := fullPolicy(t)
	text, _ := json.Marshal(doc)
	p, err := sign.ParsePolicy(text)
	if err != nil || p.Digest() != want.Digest() {
		t.Fatalf("%v: %+v", err, p)
	}
	doc["mode"] = "warn"
	text, _ = json.Marshal(doc)
	if p, err := sign.ParsePolicy(text); err != nil || !p.InsecureWarnOnly {
		t.Errorf("warn: %+v, %v", p, err)
	}
	key := func(d object, i int) object { return d["keys"].([]any)[i].(object) }
	for name, edit := range map[string]func(d object){
		"version":                 func(d object) { d["version"] = 2 },
		"no version":              func(d object) { delete(d, "version") },
		"unknown field":           func(d object) { d["min-version"] = 8 },
		"case variant":            func(d object) { d["Name"] = "x" },
		"unknown key field":       func(d object) { key(d, 0)["notafter"] = "2027-01-01T00:00:00Z" },
		"unknown mode":            func(d object) { d["mode"] = "off" },
		"no key":                  func(d object) { key(d, 0)["pem"] = "" },
		"private text":            func(d object) { key(d, 0)["pem"] = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n" },
		"window of no time":       func(d object) { key(d, 1)["not_after"] = "tomorrow" },
		"window of year one":      func(d object) { key(d, 0)["not_after"] = "0001-01-01T00:00:00Z" },
		"window half of year one": func(d object) { key(d, 1)["not_after"] = "0001-01-01T00:00:00Z" },
		"window backwards":        func(d object) { key(d, 1)["not_after"] = "2025-01-01T00:00:00Z" },
		"root":                    func(d object) { d["roots"] = []any{"x"} },
		"no identities":           func(d object) { d["identities"], d["identity_patterns"] = nil, nil },
		"identity of null":        func(d object) { d["identities"] = []any{nil} },
		"empty identity":          func(d object) { d["identities"] = []any{"a@example.org", ""} },
		"empty pattern":           func(d object) { d["identity_patterns"] = []any{""} },
		"pattern":                 func(d object) { d["identity_patterns"] = []any{"("} },
		"pattern that breaks":     func(d object) { d["identity_patterns"] = []any{"a)|(?:.*"} },
		"pattern too long":        func(d object) { d["identity_patterns"] = []any{strings.Repeat("a", 2000)} },
		"signers":                 func(d object) { d["signers"] = 17 },
		"signers negative":        func(d object) { d["signers"] = -1 },
		"signers, anyone":         func(d object) { d["insecure_any_identity"] = true },
		"version negative":        func(d object) { d["min_version"] = -1 },
		"id short":                func(d object) { d["model_ids"] = []any{"00"} },
		"id upper":                func(d object) { d["model_ids"] = []any{strings.Repeat("AB", 32)} },
		"deny list key":           func(d object) { d["deny_list"] = object{"keys": []any{"x"}} },
		"deny list no key":        func(d object) { d["deny_list"] = object{"min_number": 3} },
		"any model":               func(d object) { delete(d, "name"); delete(d, "model_ids") },
	} {
		d, _ := fullPolicy(t)
		edit(d)
		text, _ := json.Marshal(d)
		if p, err := sign.ParsePolicy(text); !errors.Is(err, sign.ErrPolicy) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "no object": "[]", "trailing": string(text) + "{}",
		"duplicate": strings.Replace(string(text), `"name":"tiny"`, `"name":"other","name":"tiny"`, 1),
	} {
		if _, err := sign.ParsePolicy([]byte(text)); !errors.Is(err, sign.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParsePolicy: whatever parses refuses nothing less than a complete policy does, and has a digest.
func FuzzParsePolicy(f *testing.F) {
	doc, _ := fullPolicy(f)
	text, _ := json.Marshal(doc)
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`"enforce"`), []byte(`"warn"`), 1))
	f.Add([]byte(`{"version":1,"name":"x","keys":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := sign.ParsePolicy(b)
		if err != nil {
			if !errors.Is(err, sign.ErrPolicy) {
				t.Fatal(err)
			}
			return
		}
		if len(p.Keys)+len(p.Roots) == 0 || p.Name == "" && len(p.ModelIDs) == 0 && !p.InsecureAnyModel {
			t.Fatalf("incomplete: %+v", p)
		}
		p.Digest()
	})
}
