package sign_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// fakeVerifier stands for a verifier of keyless bundles.
type fakeVerifier struct {
	digest  [32]byte
	payload []byte // nil: that of the bundle
	signer  sign.Signer
	err     error
}

func (f fakeVerifier) Digest() [32]byte { return f.digest }

func (f fakeVerifier) VerifyBundle(_ context.Context, data []byte, _ time.Time) ([]byte, sign.Signer, error) {
	b, err := bundle.Parse(data)
	if err != nil {
		return nil, sign.Signer{}, err
	}
	if f.payload != nil {
		return f.payload, f.signer, f.err
	}
	return b.Payload, f.signer, f.err
}

func bundleOf(t testing.TB, src fstest.MapFS, key crypto.Signer, chain ...*x509.Certificate) []byte {
	t.Helper()
	b, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{Chain: chain})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSigners counts distinct signers of one model, and nothing else.
func TestSigners(t *testing.T) {
	src := sample()
	a, b, c, stranger := signtest.Key(t), signtest.Key(t), signtest.Key(t), signtest.Key(t)
	root := issue(t, nil, ca)
	named := func(names ...string) *authority {
		return issue(t, root, func(x *x509.Certificate) {
			x.KeyUsage, x.EmailAddresses, x.Subject.CommonName = x509.KeyUsageDigitalSignature, names, ""
		})
	}
	alice, bob, alice2, both := named("alice@example.org"), named("bob@example.org"), named("alice@example.org"), named("alice@example.org", "bob@example.org")
	cert := func(x *authority) []byte { return bundleOf(t, src, x.key, x.cert, root.cert) }
	other := maps.Clone(src)
	other["x"] = &fstest.MapFile{Data: []byte("x"), Mode: 0o644}
	sharded, _, err := sign.Sign(t.Context(), src, b, sign.SignOptions{ShardSize: 1024})
	if err != nil {
		t.Fatal(err)
	}
	ofA, ofB, ofC := bundleOf(t, src, a), bundleOf(t, src, b), bundleOf(t, src, c)
	for name, tt := range map[string]struct {
		need    int
		first   []byte
		more    [][]byte
		signers int // that count; 0: refused
	}{
		"one":                      {1, ofA, nil, 1},
		"one, others do not count": {1, ofA, [][]byte{ofB}, 1},
		"one, the first decides":   {1, bundleOf(t, src, stranger), [][]byte{ofB}, 0},
		"two":                      {2, ofA, [][]byte{ofB}, 2},
		"two of three":             {2, ofA, [][]byte{ofB, ofC}, 3},
		"two, first is a stranger": {2, bundleOf(t, src, stranger), [][]byte{ofB, ofC}, 2},
		"two, junk beside":         {2, ofA, [][]byte{[]byte("junk"), ofB}, 2},
		"two, alone":               {2, ofA, nil, 0},
		"two, same bundle":         {2, ofA, [][]byte{ofA, ofA}, 0},
		"two, signed twice":        {2, ofA, [][]byte{bundleOf(t, src, a)}, 0},
		"two, with a stranger":     {2, ofA, [][]byte{bundleOf(t, src, stranger)}, 0},
		"two, of another model":    {2, ofA, [][]byte{bundleOf(t, other, b)}, 0},
		"two, by another method":   {2, ofA, [][]byte{sharded}, 0},
		"three of two":             {3, ofA, [][]byte{ofB}, 0},
		"key and certificate":      {2, ofA, [][]byte{cert(alice)}, 2},
		"two certificates":         {2, cert(alice), [][]byte{cert(bob)}, 2},
		"one person, two keys":     {2, cert(alice), [][]byte{cert(alice2)}, 0},
		"one certificate for two":  {2, cert(both), nil, 0},
		"one person, two cases":    {2, cert(alice), [][]byte{cert(named("Alice@Example.org"))}, 0},
		"a name in common":         {2, cert(alice), [][]byte{cert(both)}, 0},
		"joined by a third":        {2, cert(alice), [][]byte{cert(bob), cert(both)}, 0},
	} {
		p := sign.Policy{
			Keys: []crypto.PublicKey{a.Public(), b.Public(), c.Public()}, Roots: []*x509.Certificate{root.cert},
			Identities: []string{"alice@example.org"}, IdentityPatterns: []string{`b.b@example\.org`, `(?i)alice@example\.org`},
			Signers: tt.need, InsecureAnyModel: true,
		}
		clock := sign.WithClock(func() time.Time { return when })
		m, err := sign.Open(t.Context(), src, p, sign.WithBundle(tt.first), sign.WithCosigners(tt.more...), clock)
		if tt.signers == 0 {
			if !errors.Is(err, sign.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(m.Signers()) != tt.signers || m.Identity().KeyFingerprint != m.Signers()[0].KeyFingerprint {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := m.VerifyAll(t.Context(), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One key that is given twice is no second signer: the policy could never be met.
func TestSignersOfOneKey(t *testing.T) {
	a, b := signtest.Key(t).Public(), signtest.Key(t).Public()
	p := sign.Policy{Keys: []crypto.PublicKey{a, a}, Signers: 2, InsecureAnyModel: true}
	e, ok := errors.AsType[*sign.PolicyError](openError(t, p))
	if !ok || e.Field != "Signers" || e.Want != "as many keys" {
		t.Error(e)
	}
	p.Keys = append(p.Keys, b)
	if err := openError(t, p); !errors.Is(err, sign.ErrSignature) { // nothing is signed
		t.Error(err)
	}
}

func openError(t testing.TB, p sign.Policy) error {
	t.Helper()
	_, err := sign.Open(t.Context(), sample(), p)
	return err
}

// TestCosignersInSource: without an option further bundles are those in .holdfast, and what else lies there does not matter.
func TestCosignersInSource(t *testing.T) {
	src := sample()
	a, b := signtest.Key(t), signtest.Key(t)
	ofA, ofB := bundleOf(t, src, a), bundleOf(t, src, b)
	p := sign.Policy{Keys: []crypto.PublicKey{a.Public(), b.Public()}, Signers: 2, InsecureAnyModel: true}
	src[sign.SignatureFile] = &fstest.MapFile{Data: ofA, Mode: 0o644}
	src[".holdfast/a-large.sig"] = &fstest.MapFile{Data: make([]byte, bundle.MaxSize+1), Mode: 0o644}
	src[".holdfast/a-pipe.sig"] = &fstest.MapFile{Mode: 1<<25 | 0o644}
	src[".holdfast/notes.txt"] = &fstest.MapFile{Data: ofB, Mode: 0o644}
	if _, err := sign.Open(t.Context(), src, p); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("one signature: %v", err)
	}
	src[".holdfast/reviewer.sig"] = &fstest.MapFile{Data: ofB, Mode: 0o644}
	if m, err := sign.Open(t.Context(), src, p); err != nil || len(m.Signers()) != 2 {
		t.Errorf("two signatures: %v", err)
	}
	for i := range 20 { // junk that sorts before hides a signature, and costs a bounded number of reads
		src[".holdfast/"+string(rune('a'+i))+".sig"] = &fstest.MapFile{Data: []byte("{}"), Mode: 0o644}
	}
	if _, err := sign.Open(t.Context(), src, p); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("more bundles than are read: %v", err)
	}
}

// TestKeyWindows judges a key at the time of verification.
func TestKeyWindows(t *testing.T) {
	key, src := signtest.Key(t), sample()
	b := bundleOf(t, src, key)
	day := func(n int) time.Time { return when.AddDate(0, 0, n) }
	for name, tt := range map[string]struct {
		windows []sign.KeyWindow
		good    bool
	}{
		"none":       {nil, true},
		"inside":     {[]sign.KeyWindow{{NotBefore: day(-1), NotAfter: day(1)}}, true},
		"open end":   {[]sign.KeyWindow{{NotBefore: when}}, true},
		"last time":  {[]sign.KeyWindow{{NotAfter: when}}, true},
		"too early":  {[]sign.KeyWindow{{NotBefore: day(1)}}, false},
		"too late":   {[]sign.KeyWindow{{NotAfter: day(-1)}}, false},
		"one of two": {[]sign.KeyWindow{{NotAfter: day(1)}, {NotBefore: day(1)}}, false},
	} {
		p := anyModel(key)
		for _, w := range tt.windows {
			w.Fingerprint = fingerprint(t, key.Public())
			p.KeyWindows = append(p.KeyWindows, w)
		}
		_, err := sign.Open(t.Context(), src, p, sign.WithBundle(b), sign.WithClock(func() time.Time { return when }))
		if tt.good != (err == nil) || !tt.good && !errors.Is(err, sign.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
		if pe, ok := errors.AsType[*sign.PolicyError](err); !tt.good && (!ok || pe.Field != "KeyWindows") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// keyless turns a bundle of the key method into the form of a keyless one.
func keyless(t testing.TB, data []byte) []byte {
	t.Helper()
	var d object
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	d["verificationMaterial"] = object{"certificate": object{"rawBytes": "MAA="}, "tlogEntries": []any{object{"logIndex": "1"}}}
	b, _ := json.Marshal(d)
	return b
}

// TestBundleVerifier: a verifier decides about the bundles of its method alone, and must name a signer and the payload.
func TestBundleVerifier(t *testing.T) {
	key, src := signtest.Key(t), sample()
	b := keyless(t, bundleOf(t, src, key))
	good := sign.Signer{Method: "keyless", Identities: []string{"release@example.org"}}
	broken := errors.New("no inclusion")
	for name, tt := range map[string]struct {
		verifiers []sign.BundleVerifier
		want      error
	}{
		"accepted":        {[]sign.BundleVerifier{fakeVerifier{signer: good}}, nil},
		"by the second":   {[]sign.BundleVerifier{fakeVerifier{err: broken}, fakeVerifier{signer: good}}, nil},
		"refused":         {[]sign.BundleVerifier{fakeVerifier{signer: good, err: broken}}, broken},
		"refused twice":   {[]sign.BundleVerifier{fakeVerifier{err: broken}, fakeVerifier{err: broken}}, sign.ErrSignature},
		"another payload": {[]sign.BundleVerifier{fakeVerifier{signer: good, payload: []byte("{}")}}, sign.ErrSignature},
		"no signer":       {[]sign.BundleVerifier{fakeVerifier{signer: sign.Signer{Method: "keyless"}}}, sign.ErrSignature},
		"no method":       {[]sign.BundleVerifier{fakeVerifier{signer: sign.Signer{Identities: good.Identities}}}, sign.ErrSignature},
	} {
		m, err := sign.Open(t.Context(), src, sign.Policy{Verifiers: tt.verifiers, InsecureAnyModel: true}, sign.WithBundle(b))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if err == nil && (m.Identity().Method != "keyless" || m.VerifyAll(t.Context(), nil) != nil) {
			t.Errorf("%s: %+v", name, m.Identity())
		}
	}
	if _, err := sign.Open(t.Context(), src, anyModel(key), sign.WithBundle(b)); !errors.Is(err, sign.ErrUnsupported) {
		t.Errorf("without a verifier: %v", err)
	}
	p := sign.Policy{Verifiers: []sign.BundleVerifier{fakeVerifier{signer: good}}, InsecureAnyModel: true}
	if _, err := sign.Open(t.Context(), src, p, sign.WithBundle(bundleOf(t, src, key))); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("a bundle of the key method went to the verifier: %v", err)
	}
}

// codes are the codes of a verdict in which all but the signatures are named once.
var codes = []string{"policy", "deny_list", "signature", "signers", "deny", "model_id", "name", "min_version"}

// TestExplain: every check is listed, also after one that failed, and nothing is said of an untrusted model.
func TestExplain(t *testing.T) {
	key, stranger, src := signtest.Key(t), signtest.Key(t), sample()
	b, id, err := sign.Sign(t.Context(), src, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: "tiny", MinVersion: 7, ModelIDs: [][32]byte{id}}
	for name, tt := range map[string]struct {
		edit   func(p *sign.Policy)
		failed string
		err    error
	}{
		"accepted":  {func(*sign.Policy) {}, "", nil},
		"id":        {func(p *sign.Policy) { p.ModelIDs = [][32]byte{{1}} }, "model_id", sign.ErrPolicy},
		"name":      {func(p *sign.Policy) { p.Name = "x" }, "name", sign.ErrPolicy},
		"version":   {func(p *sign.Policy) { p.MinVersion = 8 }, "min_version", sign.ErrVersion},
		"three":     {func(p *sign.Policy) { p.ModelIDs, p.Name, p.MinVersion = [][32]byte{{1}}, "x", 8 }, "model_id name min_version", sign.ErrPolicy},
		"signer":    {func(p *sign.Policy) { p.Keys = []crypto.PublicKey{stranger.Public()} }, "signers", sign.ErrSignature},
		"deny list": {func(p *sign.Policy) { p.DenyListKeys = p.Keys }, "deny_list", sign.ErrPolicy},
		"policy":    {func(p *sign.Policy) { p.Keys = nil }, "policy", sign.ErrPolicy},
	} {
		p := good
		tt.edit(&p)
		list, err := sign.Explain(t.Context(), src, p, sign.WithBundle(b))
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", name, err)
		}
		var told [][]sign.Check
		tell := sign.WithChecks(func(list []sign.Check) { told = append(told, list) })
		if _, opened := sign.Open(t.Context(), src, p, sign.WithBundle(b), tell); (opened == nil) != (err == nil) || err != nil && opened.Error() != err.Error() {
			t.Errorf("%s: Open says %v, Explain %v", name, opened, err)
		}
		if len(told) != 1 || fmtChecks(told[0]) != fmtChecks(list) {
			t.Errorf("%s: Open told %v, Explain %v", name, told, list)
		}
		var failed, seen []string
		for _, c := range list {
			seen = append(seen, c.Code)
			if c.Status == sign.Fail {
				failed = append(failed, c.Code)
			}
			if c.Got == "" || c.Want == "" {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if strings.Join(failed, " ") != tt.failed {
			t.Errorf("%s: failed %q, want %q", name, failed, tt.failed)
		}
		if name != "policy" && !slices.Equal(seen, codes) {
			t.Errorf("%s: %q", name, seen)
		}
		if name == "signer" && strings.Contains(fmtChecks(list[4:]), "tiny") {
			t.Errorf("an untrusted model was described: %+v", list)
		}
	}
}

func fmtChecks(list []sign.Check) string {
	b, _ := json.Marshal(list)
	return string(b)
}

// TestWarnOnly opens what the policy refuses and says so; malformed signatures and altered bytes are refused still.
func TestWarnOnly(t *testing.T) {
	key, stranger, src := signtest.Key(t), signtest.Key(t), sample()
	b := bundleOf(t, src, key)
	p := sign.Policy{Keys: []crypto.PublicKey{stranger.Public()}, Name: "x", MinVersion: 8, InsecureWarnOnly: true}
	m, err := sign.Open(t.Context(), src, p, sign.WithBundle(b))
	if err != nil {
		t.Fatal(err)
	}
	if w := m.Warnings(); len(w) != 3 || w[0].Code != "signers" {
		t.Errorf("%+v", w)
	}
	if id := m.Identity(); id.Method != "" || id.KeyFingerprint != [32]byte{} || len(m.Signers()) != 0 {
		t.Errorf("a signer that nobody verified: %+v", id)
	}
	for _, tampered := range signtest.Tamper(src, "model.safetensors") {
		m, err := sign.Open(t.Context(), tampered.FS, p, sign.WithBundle(b))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.ReadFile(tampered.File); !errors.Is(err, tampered.Error) {
			t.Errorf("%s: %v", tampered.Name, err)
		}
	}
	if _, err := sign.Open(t.Context(), src, p, sign.WithBundle([]byte("{}"))); !errors.Is(err, sign.ErrFormat) {
		t.Errorf("malformed: %v", err)
	}
	if _, err := sign.Open(t.Context(), src, p, sign.WithBundle(signPayload(t, stranger, []byte("{}")))); !errors.Is(err, sign.ErrFormat) {
		t.Errorf("malformed payload: %v", err)
	}
	if _, err := sign.Open(t.Context(), src, sign.Policy{InsecureWarnOnly: true}, sign.WithBundle(b)); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("a policy without keys: %v", err)
	}
	p.Keys = []crypto.PublicKey{key.Public()}
	p.Name, p.MinVersion = "tiny", 7
	if m, err := sign.Open(t.Context(), src, p, sign.WithBundle(b)); err != nil || len(m.Warnings()) != 0 {
		t.Errorf("%v", err)
	}
}
