package sign_test

import (
	"crypto"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A vector is a bundle of another implementation with the model it was made for.
type vector struct {
	bundle, model, key string // paths below the vectors of sign
	root               string // of the certificate method
	ignore             []string
	delete             string
	write              map[string]string // files of the model with their new content

	open   error    // what Open must say
	field  string   // where it must say so, if it is a format error
	read   error    // what VerifyAll must say
	extra  []string // what Extra must list
	signed int      // how many files are signed
}

const (
	pyKey    = "model-transparency/keys/signing-key-pub.pem"
	confKey  = "model-signing-conformance/keys/certificate/signing-key-pub.pem"
	pyRoot   = "model-transparency/keys/ca-cert.pem"
	confRoot = conf + "keys/certificate/ca-cert.pem"
	py       = "model-transparency/bundles/"
	conf     = "model-signing-conformance/"
	spec     = "model-signing-spec/"
	simple   = conf + "models/simple"
)

// vectors has the verdicts of SOURCES.md; for those that the public suites only expect to fail, the reason too.
var vectors = map[string]vector{
	"v0.3.1 elliptic key":  {bundle: py + "v0.3.1-elliptic-key/model.sig", model: py + "v0.3.1-elliptic-key/model", key: pyKey, signed: 1},
	"v1.0.1 elliptic key":  {bundle: py + "v1.0.1-elliptic-key/model.sig", model: py + "v1.0.1-elliptic-key/model", key: pyKey, signed: 2, ignore: []string{"ignore-me"}},
	"v1.0.1 without":       {bundle: py + "v1.0.1-elliptic-key/model.sig", model: py + "v1.0.1-elliptic-key/model", key: pyKey, signed: 2, extra: []string{"ignore-me"}},
	"v1.1.0 elliptic key":  {bundle: py + "v1.1.0-elliptic-key/model.sig", model: py + "v1.1.0-elliptic-key/model", key: pyKey, signed: 2},
	"v0.2.0 certificate":   {bundle: py + "v0.2.0-certificate/model.sig", model: py + "v0.2.0-certificate/model", root: pyRoot, open: bundle.ErrSignature}, /* over the old encoding */
	"v1.0.0 certificate":   {bundle: py + "v1.0.0-certificate/model.sig", model: py + "v1.0.0-certificate/model", root: pyRoot, signed: 2},
	"v1.1.0 certificate":   {bundle: py + "v1.1.0-certificate/model.sig", model: py + "v1.1.0-certificate/model", root: pyRoot, signed: 2},
	"v0.3.1 keyless":       {bundle: py + "v0.3.1-sigstore/model.sig", model: py + "v0.3.1-sigstore/model", key: pyKey, open: sign.ErrUnsupported, field: "verificationMaterial"},
	"v1.0.1 keyless":       {bundle: py + "v1.0.1-sigstore/model.sig", model: py + "v1.0.1-sigstore/model", key: pyKey, open: sign.ErrUnsupported, field: "verificationMaterial"},
	"spec key":             {bundle: spec + "valid/key.bundle.json", model: simple, key: confKey, signed: 2},
	"spec certificate":     {bundle: spec + "valid/certificate.bundle.json", model: simple, root: confRoot, signed: 2},
	"spec empty":           {bundle: spec + "invalid/empty.bundle.json", model: simple, key: confKey, open: sign.ErrFormat, field: "bundle"},
	"spec no envelope":     {bundle: spec + "invalid/missing-envelope.bundle.json", model: simple, key: confKey, open: sign.ErrFormat, field: "dsseEnvelope"},
	"spec no material":     {bundle: spec + "invalid/missing-verification-material.bundle.json", model: simple, key: confKey, open: sign.ErrFormat, field: "verificationMaterial"},
	"conf simple":          {bundle: conf + "positive/key-simple/bundle.sig", model: simple, key: confKey, signed: 2},
	"conf multi-file":      {bundle: conf + "positive/key-multi-file/bundle.sig", model: conf + "models/multi-file", key: confKey, signed: 3},
	"conf certificate":     {bundle: conf + "positive/certificate-simple/bundle.sig", model: simple, root: confRoot, signed: 2},
	"conf wrong CA":        {bundle: conf + "negative/certificate-simple-wrong-ca_fail/bundle.sig", model: simple, root: conf + "keys/wrong/wrong-ca-cert.pem", open: bundle.ErrCertificate},
	"conf corrupted":       {bundle: conf + "negative/key-simple-corrupted-bundle_fail/bundle.sig", model: simple, key: confKey, delete: "ignore-me", open: sign.ErrFormat, field: "bundle"},
	"conf truncated":       {bundle: conf + "negative/key-simple-truncated-bundle_fail/bundle.sig", model: simple, key: confKey, delete: "ignore-me", open: sign.ErrFormat, field: "bundle"},
	"conf empty":           {bundle: conf + "negative/malformed-empty-bundle_fail/bundle.sig", model: simple, key: confKey, open: sign.ErrFormat, field: "bundle"},
	"conf no envelope":     {bundle: conf + "negative/malformed-missing-envelope_fail/bundle.sig", model: simple, key: confKey, open: sign.ErrFormat, field: "dsseEnvelope"},
	"conf wrong mediatype": {bundle: conf + "negative/key-simple-wrong-mediatype_fail/bundle.sig", model: simple, key: confKey, open: sign.ErrFormat, field: "mediaType"},
	"conf no signature":    {bundle: conf + "negative/key-simple-no-signature_fail/bundle.sig", model: simple, key: confKey, open: sign.ErrFormat, field: "dsseEnvelope.signatures"},
	"conf wrong key":       {bundle: conf + "negative/key-simple-wrong-key_fail/bundle.sig", model: simple, key: conf + "keys/wrong/wrong-key-pub.pem", open: sign.ErrSignature},
	"conf extra file":      {bundle: conf + "negative/key-simple-extra-file_fail/bundle.sig", model: simple, key: confKey, signed: 2, write: map[string]string{"injected.bin": "injected after signing\n"}, extra: []string{"injected.bin"}},
	"conf missing file":    {bundle: conf + "negative/key-simple-missing-file_fail/bundle.sig", model: simple, key: confKey, signed: 2, delete: "signme-2", read: sign.ErrMissing},
	"conf tampered":        {bundle: conf + "negative/key-simple-tampered-content_fail/bundle.sig", model: simple, key: confKey, signed: 2, write: map[string]string{"signme-1": "TAMPERED CONTENT\n"}, read: sign.ErrMismatch},
	// Sigstore bundles that are no model signatures: an OMS verifier refuses what they say, or their form.
	"sigstore managed key": {bundle: "sigstore-conformance/managed-key-happy-path/bundle.sigstore.json", model: simple, key: "sigstore-conformance/managed-key-happy-path/key.pub", open: sign.ErrFormat, field: "bundle"},
}

// vectorTime lies in the validity of every certificate of the vectors that is not meant to have expired.
var vectorTime = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func TestVectors(t *testing.T) {
	root := testkit.Vectors(t, "sign")
	for name, v := range vectors {
		t.Run(name, func(t *testing.T) {
			src := load(t, filepath.Join(root, v.model))
			for file, content := range v.write {
				src[file] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
			}
			delete(src, v.delete)
			p := sign.Policy{InsecureAnyModel: true}
			if v.root != "" {
				roots, err := bundle.ParseCertificates(read(t, filepath.Join(root, v.root)))
				if err != nil {
					t.Fatal(err)
				}
				p.Roots, p.InsecureAnyIdentity = roots, true
			} else {
				p.Keys = []crypto.PublicKey{publicKey(t, filepath.Join(root, v.key))}
			}
			m, err := sign.Open(t.Context(), src, p, sign.WithBundle(read(t, filepath.Join(root, v.bundle))),
				sign.WithClock(func() time.Time { return vectorTime }))
			if !errors.Is(err, v.open) {
				t.Fatalf("Open: %v, want %v", err, v.open)
			}
			if fe, ok := errors.AsType[*manifest.FormatError](err); ok && fe.Field != v.field {
				t.Errorf("refused for %v, want it for %s", err, v.field)
			}
			if v.open != nil {
				return
			}
			if len(m.Files()) != v.signed {
				t.Errorf("%d files signed, want %d", len(m.Files()), v.signed)
			}
			if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, v.read) {
				t.Errorf("VerifyAll: %v, want %v", err, v.read)
			}
			if extra, err := m.Extra(t.Context(), v.ignore...); err != nil || !slices.Equal(extra, v.extra) {
				t.Errorf("Extra = %q, %v; want %q", extra, err, v.extra)
			}
		})
	}
}

// TestVectorsComplete keeps a bundle from being added to the vectors without a verdict here.
func TestVectorsComplete(t *testing.T) {
	root := testkit.Vectors(t, "sign")
	seen := map[string]bool{}
	for _, v := range vectors {
		seen[filepath.Join(root, v.bundle)] = true
	}
	for _, pattern := range []string{py + "*/model.sig", spec + "*/*.bundle.json", conf + "*/*/bundle.sig"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, f := range files {
			if !seen[f] {
				t.Errorf("no verdict for %s", f)
			}
		}
	}
}

// TestRoundTripVectors signs and opens the models of the conformance suite's recipes.
func TestRoundTripVectors(t *testing.T) {
	root := testkit.Vectors(t, "sign", "model-signing-conformance")
	recipes, _ := filepath.Glob(filepath.Join(root, "roundtrip", "key-*.json"))
	if len(recipes) != 20 {
		t.Errorf("%d recipes of the key method, want 20", len(recipes))
	}
	for _, file := range recipes {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var r struct {
				Model    string   `json:"model"`
				Expect   string   `json:"expect"`
				Expected []string `json:"expected_signed_files"`
				Sign     struct {
					Key    string   `json:"private_key"`
					Ignore []string `json:"ignore_paths"`
				} `json:"sign"`
				Verify struct {
					Key    string   `json:"public_key"`
					Ignore []string `json:"ignore_paths"`
				} `json:"verify"`
				Modifications struct {
					Symlinks map[string]string `json:"symlinks"`
				} `json:"model_modifications"`
			}
			if err := json.Unmarshal(read(t, file), &r); err != nil {
				t.Fatal(err)
			}
			src := fstest.MapFS{}
			if r.Model != "models/empty" {
				src = load(t, filepath.Join(root, r.Model))
			}
			for name, target := range r.Modifications.Symlinks {
				src[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
			}
			key, err := bundle.ParsePrivateKey(read(t, filepath.Join(root, r.Sign.Key)), nil)
			if err != nil {
				t.Fatal(err)
			}
			ignore := append(r.Sign.Ignore, r.Verify.Ignore...)
			b, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{IgnorePaths: ignore})
			if r.Expect == "fail" {
				want := sign.ErrFormat // no files
				if len(r.Modifications.Symlinks) > 0 {
					want = sign.ErrNotRegular
				}
				if !errors.Is(err, want) {
					t.Fatalf("Sign: %v, want %v", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p := sign.Policy{InsecureAnyModel: true, Keys: []crypto.PublicKey{publicKey(t, filepath.Join(root, r.Verify.Key))}}
			m := open(t, src, p, sign.WithBundle(b))
			if err := m.VerifyAll(t.Context(), nil); err != nil {
				t.Error(err)
			}
			var names []string
			for _, f := range m.Files() {
				names = append(names, f.Name)
			}
			if slices.Sort(r.Expected); len(r.Expected) > 0 && !slices.Equal(names, r.Expected) {
				t.Errorf("signed %q, want %q", names, r.Expected)
			}
		})
	}
}
