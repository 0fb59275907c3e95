package sign_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"io/fs"
	"reflect"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestPolicy starts from a policy that the model passes and changes one thing in each case.
func TestPolicy(t *testing.T) {
	key, other := signtest.Key(t), signtest.KeyOn(t, elliptic.P521())
	src := sample()
	b, id, err := sign.Sign(t.Context(), src, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := func() sign.Policy {
		return sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: "tiny", MinVersion: 7, ModelIDs: [][32]byte{id}}
	}
	for name, c := range map[string]struct {
		edit  func(p *sign.Policy)
		want  error
		field string
	}{
		"twin":                   {func(*sign.Policy) {}, nil, ""},
		"second key":             {func(p *sign.Policy) { p.Keys = []crypto.PublicKey{other.Public(), key.Public()} }, nil, ""},
		"second model":           {func(p *sign.Policy) { p.ModelIDs = [][32]byte{{1}, id} }, nil, ""},
		"lower minimum":          {func(p *sign.Policy) { p.MinVersion = 0 }, nil, ""},
		"name alone":             {func(p *sign.Policy) { p.ModelIDs = nil }, nil, ""},
		"id alone":               {func(p *sign.Policy) { p.Name = "" }, nil, ""},
		"any model":              {func(p *sign.Policy) { p.Name, p.ModelIDs, p.InsecureAnyModel = "", nil, true }, nil, ""},
		"zero":                   {func(p *sign.Policy) { *p = sign.Policy{} }, sign.ErrPolicy, "Keys"},
		"no key":                 {func(p *sign.Policy) { p.Keys = nil }, sign.ErrPolicy, "Keys"},
		"nil key":                {func(p *sign.Policy) { p.Keys = append(p.Keys, nil) }, sign.ErrPolicy, "Keys[1]"},
		"nil ecdsa key":          {func(p *sign.Policy) { p.Keys = append(p.Keys, (*ecdsa.PublicKey)(nil)) }, sign.ErrPolicy, "Keys[1]"},
		"empty ecdsa key":        {func(p *sign.Policy) { p.Keys = append(p.Keys, &ecdsa.PublicKey{}) }, sign.ErrPolicy, "Keys[1]"},
		"ed25519 key":            {func(p *sign.Policy) { p.Keys = append(p.Keys, ed25519.PublicKey(make([]byte, 32))) }, sign.ErrPolicy, "Keys[1]"},
		"no model":               {func(p *sign.Policy) { p.Name, p.ModelIDs = "", nil }, sign.ErrPolicy, "Name"},
		"other key":              {func(p *sign.Policy) { p.Keys = []crypto.PublicKey{other.Public()} }, sign.ErrSignature, ""},
		"other name":             {func(p *sign.Policy) { p.Name = "large" }, sign.ErrPolicy, "Name"},
		"other id":               {func(p *sign.Policy) { p.ModelIDs = [][32]byte{{1}} }, sign.ErrPolicy, "ModelIDs"},
		"newer minimum":          {func(p *sign.Policy) { p.MinVersion = 8 }, sign.ErrVersion, "MinVersion"},
		"any model, other name":  {func(p *sign.Policy) { p.InsecureAnyModel, p.Name = true, "large" }, sign.ErrPolicy, "Name"},
		"any model, other id":    {func(p *sign.Policy) { p.InsecureAnyModel, p.ModelIDs = true, [][32]byte{{1}} }, sign.ErrPolicy, "ModelIDs"},
		"any model, newer":       {func(p *sign.Policy) { p.InsecureAnyModel, p.MinVersion = true, 8 }, sign.ErrVersion, "MinVersion"},
		"unknown window":         {func(p *sign.Policy) { p.KeyWindows = []sign.KeyWindow{{NotBefore: when}} }, sign.ErrPolicy, "KeyWindows[0]"},
		"window without bounds":  {func(p *sign.Policy) { p.KeyWindows = []sign.KeyWindow{{Fingerprint: fingerprint(t, key.Public())}} }, sign.ErrPolicy, "KeyWindows[0]"},
		"nil root":               {func(p *sign.Policy) { p.Roots = []*x509.Certificate{nil} }, sign.ErrPolicy, "Roots"},
		"nil verifier":           {func(p *sign.Policy) { p.Verifiers = []sign.BundleVerifier{nil} }, sign.ErrPolicy, "Verifiers"},
		"nil deny key":           {func(p *sign.Policy) { p.DenyListKeys = []crypto.PublicKey{nil} }, sign.ErrPolicy, "DenyListKeys[0]"},
		"deny number alone":      {func(p *sign.Policy) { p.MinDenyList = 1 }, sign.ErrPolicy, "DenyListKeys"},
		"more signers than keys": {func(p *sign.Policy) { p.Signers = 2 }, sign.ErrPolicy, "Signers"},
		"any model, without key": {func(p *sign.Policy) { p.InsecureAnyModel, p.Keys = true, nil }, sign.ErrPolicy, "Keys"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good()
			c.edit(&p)
			_, err := sign.Open(t.Context(), src, p, sign.WithBundle(b))
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if pe, ok := errors.AsType[*sign.PolicyError](err); ok != (c.field != "") || ok && pe.Field != c.field {
				t.Errorf("%v, want field %q", err, c.field)
			}
			if errors.Is(c.want, sign.ErrVersion) && !errors.Is(err, sign.ErrPolicy) {
				t.Error("a rollback is no refusal by policy")
			}
			if c.want != nil && p.Digest() == good().Digest() && name != "twin" {
				t.Error("the policies' digests are equal")
			}
		})
	}
}

func TestCard(t *testing.T) {
	key := signtest.Key(t)
	for name, c := range map[string]struct {
		card string
		want error
	}{
		"twin":            {`{"name":"tiny","version":7,"display":"Tiny","created":"2026-01-02T03:04:05Z"}`, nil},
		"absent":          {"", sign.ErrPolicy},
		"duplicate":       {`{"name":"x","name":"tiny","version":7}`, sign.ErrFormat},
		"case variant":    {`{"name":"x","Name":"tiny","version":7}`, sign.ErrFormat},
		"unknown field":   {`{"name":"tiny","version":7,"x":1}`, sign.ErrFormat},
		"no version":      {`{"name":"tiny"}`, sign.ErrFormat},
		"version string":  {`{"name":"tiny","version":"7"}`, sign.ErrFormat},
		"version float":   {`{"name":"tiny","version":7.5}`, sign.ErrFormat},
		"version minus":   {`{"name":"tiny","version":-7}`, sign.ErrFormat},
		"version 2^64":    {`{"name":"tiny","version":18446744073709551616}`, sign.ErrFormat},
		"no name":         {`{"version":7}`, sign.ErrFormat},
		"created no time": {`{"name":"tiny","version":7,"created":"today"}`, sign.ErrFormat},
		"trailing":        {`{"name":"tiny","version":7}{}`, sign.ErrFormat},
		"too large":       {`{"name":"tiny","version":7}` + string(make([]byte, 70<<10)), sign.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			src := fstest.MapFS{"w": {Data: []byte("w"), Mode: 0o644}}
			list := []manifest.Resource{res("w", "w")}
			if c.card != "" {
				src["holdfast.json"] = &fstest.MapFile{Data: []byte(c.card), Mode: 0o644}
				list = append(list, res("holdfast.json", c.card))
			}
			b := signPayload(t, key, statementOf(t, "tiny", list))
			for _, p := range []sign.Policy{
				{Keys: []crypto.PublicKey{key.Public()}, Name: "tiny"},
				{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true, MinVersion: 7},
			} {
				if _, err := sign.Open(t.Context(), src, p, sign.WithBundle(b)); !errors.Is(err, c.want) {
					t.Errorf("%+v: %v, want %v", p, err, c.want)
				}
			}
		})
	}
}

// TestCardIsVerified: a holdfast.json that was changed, or was never signed, says nothing.
func TestCardIsVerified(t *testing.T) {
	key := signtest.Key(t)
	p := sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: "tiny", MinVersion: 7}
	old := signtest.Files(map[string]string{"holdfast.json": string(signtest.Card("tiny", 6)), "w": "w"})
	old = signtest.Sign(t, old, key)
	old["holdfast.json"].Data = signtest.Card("tiny", 7)
	if _, err := sign.Open(t.Context(), old, p); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("forged card: %v", err)
	}
	delete(old, "holdfast.json")
	if _, err := sign.Open(t.Context(), old, p); !errors.Is(err, sign.ErrMissing) {
		t.Errorf("deleted card: %v", err)
	}
	bare := signtest.Sign(t, signtest.Files(map[string]string{"w": "w"}), key)
	bare["holdfast.json"] = &fstest.MapFile{Data: signtest.Card("tiny", 7), Mode: 0o644}
	if _, err := sign.Open(t.Context(), bare, p); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("unsigned card: %v", err)
	}
}

func TestFindBundle(t *testing.T) {
	key, other := signtest.Key(t), signtest.Key(t)
	src := signtest.Files(map[string]string{"w": "w"})
	if _, err := sign.Open(t.Context(), src, anyModel(key)); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("no signature: %v", err)
	}
	b, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	src[sign.PlainSignatureFile] = &fstest.MapFile{Data: b, Mode: 0o644}
	m := open(t, src, anyModel(key))
	if extra, err := m.Extra(t.Context()); err != nil || len(extra) != 0 {
		t.Errorf("%q, %v", extra, err)
	}
	wrong, _, _ := sign.Sign(t.Context(), src, other, sign.SignOptions{})
	src[sign.SignatureFile] = &fstest.MapFile{Data: wrong, Mode: 0o644}
	if _, err := sign.Open(t.Context(), src, anyModel(key)); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("the first signature does not decide: %v", err)
	}
	src[sign.SignatureFile] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	if _, err := sign.Open(t.Context(), src, anyModel(key)); !errors.Is(err, sign.ErrNotRegular) {
		t.Errorf("pipe: %v", err)
	}
}

// TestPolicyDigest: the digest does not depend on the order or repetition of lists, and on everything else.
func TestPolicyDigest(t *testing.T) {
	a, b := signtest.Key(t).Public(), signtest.Key(t).Public()
	p := sign.Policy{Keys: []crypto.PublicKey{a, b}, Name: "n", MinVersion: 1, ModelIDs: [][32]byte{{1}, {2}}}
	same := sign.Policy{Keys: []crypto.PublicKey{b, a, b}, Name: "n", MinVersion: 1, ModelIDs: [][32]byte{{2}, {1}, {1}}}
	if p.Digest() != same.Digest() {
		t.Error("order counts")
	}
	seen := map[[32]byte]string{p.Digest(): "p", {}: "zero"}
	for name, edit := range map[string]func(q *sign.Policy){
		"zero policy": func(q *sign.Policy) { *q = sign.Policy{} },
		"keys":        func(q *sign.Policy) { q.Keys = q.Keys[:1] },
		"bad key":     func(q *sign.Policy) { q.Keys = []crypto.PublicKey{nil} },
		"name":        func(q *sign.Policy) { q.Name = "m" },
		"no name":     func(q *sign.Policy) { q.Name = "" },
		"version":     func(q *sign.Policy) { q.MinVersion = 2 },
		"ids":         func(q *sign.Policy) { q.ModelIDs = q.ModelIDs[:1] },
		"any":         func(q *sign.Policy) { q.InsecureAnyModel = true },
		"window":      func(q *sign.Policy) { q.KeyWindows = []sign.KeyWindow{{NotBefore: time.Unix(1, 0)}} },
		"window end":  func(q *sign.Policy) { q.KeyWindows = []sign.KeyWindow{{NotAfter: time.Unix(1, 0)}} },
		"window nano": func(q *sign.Policy) { q.KeyWindows = []sign.KeyWindow{{NotAfter: time.Unix(1, 1)}} },
		"window key":  func(q *sign.Policy) { q.KeyWindows = []sign.KeyWindow{{[32]byte{1}, time.Time{}, time.Unix(1, 0)}} },
		"roots":       func(q *sign.Policy) { q.Roots = []*x509.Certificate{issue(t, nil, ca).cert} },
		"identity":    func(q *sign.Policy) { q.Identities = []string{"x"} },
		"pattern":     func(q *sign.Policy) { q.IdentityPatterns = []string{"x"} },
		"anyone":      func(q *sign.Policy) { q.InsecureAnyIdentity = true },
		"leaf":        func(q *sign.Policy) { q.InsecureLeafAsRoot = true },
		"verifier":    func(q *sign.Policy) { q.Verifiers = []sign.BundleVerifier{fakeVerifier{}} },
		"verifier 2":  func(q *sign.Policy) { q.Verifiers = []sign.BundleVerifier{fakeVerifier{digest: [32]byte{1}}} },
		"signers":     func(q *sign.Policy) { q.Signers = 2 },
		"deny keys":   func(q *sign.Policy) { q.DenyListKeys = q.Keys },
		"deny number": func(q *sign.Policy) { q.MinDenyList = 1 },
		"warn":        func(q *sign.Policy) { q.InsecureWarnOnly = true },
	} {
		q := p
		edit(&q)
		if was, dup := seen[q.Digest()]; dup {
			t.Errorf("%s has the digest of %s", name, was)
		}
		seen[q.Digest()] = name
	}
	one := p
	if one.Signers = 1; one.Digest() != p.Digest() {
		t.Error("one signer is not the default")
	}
	// A field that is added to Policy must enter the digest, and this list.
	if n := reflect.TypeFor[sign.Policy]().NumField(); n != 16 {
		t.Errorf("Policy has %d fields", n)
	}
}
