package sign_test

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// newList is a list in force at `when` that denies nothing.
func newList(number uint64) *sign.DenyList {
	return &sign.DenyList{Number: number, Issued: when.AddDate(0, 0, -1), Expires: when.AddDate(0, 0, 1)}
}

func denyList(t testing.TB, key crypto.Signer, l *sign.DenyList) []byte {
	t.Helper()
	b, err := sign.SignDenyList(key, l)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func atWhen() sign.Option { return sign.WithClock(func() time.Time { return when }) }

// TestDenyList: what a list names is refused, and nothing else.
func TestDenyList(t *testing.T) {
	src, key, other, authority := sample(), signtest.Key(t), signtest.Key(t), signtest.Key(t)
	root := issue(t, nil, ca)
	mid := issue(t, root, ca)
	leaf := issue(t, mid, signer)
	b, id, err := sign.Sign(t.Context(), src, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sharded, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	certified := bundleOf(t, src, leaf.key, leaf.cert, mid.cert)
	weights := src["model.safetensors"].Data
	file, shard := sha256.Sum256(weights), sha256.Sum256(weights[4096:8192])
	fp := func(k crypto.PublicKey) string { f := fingerprint(t, k); return hex.EncodeToString(f[:]) }
	issuer := func(c *x509.Certificate) string { d := sha256.Sum256(c.RawIssuer); return hex.EncodeToString(d[:]) }
	early, late := when.AddDate(0, -1, 0), when
	for name, tt := range map[string]struct {
		bundle []byte
		edit   func(l *sign.DenyList)
		denied bool
	}{
		"nothing":     {b, func(*sign.DenyList) {}, false},
		"model":       {b, func(l *sign.DenyList) { l.Models = []sign.DeniedModel{{ModelID: hexOf(id[:]), Reason: "backdoor"}} }, true},
		"other model": {b, func(l *sign.DenyList) { l.Models = []sign.DeniedModel{{ModelID: strings.Repeat("00", 32)}} }, false},
		"by method":   {sharded, func(l *sign.DenyList) { l.Models = []sign.DeniedModel{{ModelID: hexOf(id[:])}} }, false}, // documented: another identity
		"file":        {b, func(l *sign.DenyList) { l.Files = []sign.DeniedFile{{Digest: hexOf(file[:])}} }, true},
		"shard":       {sharded, func(l *sign.DenyList) { l.Files = []sign.DeniedFile{{Digest: hexOf(shard[:])}} }, true},
		"other file":  {b, func(l *sign.DenyList) { l.Files = []sign.DeniedFile{{Digest: hexOf(shard[:])}} }, false},
		"key":         {b, func(l *sign.DenyList) { l.Keys = []sign.DeniedKey{{Fingerprint: fp(key.Public())}} }, true},
		"other key":   {b, func(l *sign.DenyList) { l.Keys = []sign.DeniedKey{{Fingerprint: fp(other.Public())}} }, false},
		"key, no time": {b, func(l *sign.DenyList) {
			l.Keys = []sign.DeniedKey{{Fingerprint: fp(key.Public()), SignedAfter: &late}}
		}, true}, // a key's signature carries no time
		"key of leaf":         {certified, func(l *sign.DenyList) { l.Keys = []sign.DeniedKey{{Fingerprint: fp(leaf.key.Public())}} }, true},
		"key of intermediate": {certified, func(l *sign.DenyList) { l.Keys = []sign.DeniedKey{{Fingerprint: fp(mid.key.Public())}} }, true},
		"serial of leaf": {certified, func(l *sign.DenyList) {
			l.Certificates = []sign.DeniedCertificate{{Serial: leaf.cert.SerialNumber.Text(16), SignedAfter: &early}}
		}, true},
		"serial of intermediate": {certified, func(l *sign.DenyList) {
			l.Certificates = []sign.DeniedCertificate{{Serial: mid.cert.SerialNumber.Text(16), Issuer: issuer(mid.cert)}}
		}, true},
		"serial of another issuer": {certified, func(l *sign.DenyList) {
			l.Certificates = []sign.DeniedCertificate{{Serial: leaf.cert.SerialNumber.Text(16), Issuer: strings.Repeat("00", 32)}}
		}, false},
		"key of a root that is left out": {certified, func(l *sign.DenyList) { l.Keys = []sign.DeniedKey{{Fingerprint: fp(root.key.Public())}} }, true},
		"serial of a root that is left out": {certified, func(l *sign.DenyList) {
			l.Certificates = []sign.DeniedCertificate{{Serial: root.cert.SerialNumber.Text(16), Issuer: issuer(root.cert)}}
		}, true},
		"other serial": {certified, func(l *sign.DenyList) { l.Certificates = []sign.DeniedCertificate{{Serial: "abc"}} }, false},
	} {
		l := newList(3)
		tt.edit(l)
		p := sign.Policy{
			Keys: []crypto.PublicKey{key.Public()}, Roots: []*x509.Certificate{root.cert}, Identities: []string{"release@example.org"},
			InsecureAnyModel: true, DenyListKeys: []crypto.PublicKey{other.Public(), authority.Public()},
		}
		_, err := sign.Open(t.Context(), src, p, sign.WithBundle(tt.bundle), atWhen(), sign.WithDenyList(denyList(t, authority, l)))
		if tt.denied != errors.Is(err, sign.ErrDenied) || !tt.denied && err != nil || tt.denied && !errors.Is(err, sign.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
		if pe, ok := errors.AsType[*sign.PolicyError](err); tt.denied && (!ok || pe.Field != "DenyList") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDenyCutOff: a signature whose time was verified counts until the cut-off.
func TestDenyCutOff(t *testing.T) {
	src, key, authority := sample(), signtest.Key(t), signtest.Key(t)
	b := keyless(t, bundleOf(t, src, key))
	fp := fingerprint(t, key.Public())
	for name, tt := range map[string]struct {
		signed time.Time
		denied bool
	}{"before": {when.AddDate(0, 0, -2), false}, "at": {when, false}, "after": {when.Add(1), true}, "unknown": {time.Time{}, true}} {
		cutoff := when
		l := newList(1)
		l.Keys = []sign.DeniedKey{{Fingerprint: hexOf(fp[:]), SignedAfter: &cutoff}}
		v := fakeVerifier{signer: sign.Signer{Method: "keyless", KeyFingerprint: fp, SignedAt: tt.signed}}
		p := sign.Policy{Verifiers: []sign.BundleVerifier{v}, InsecureAnyModel: true, DenyListKeys: []crypto.PublicKey{authority.Public()}}
		_, err := sign.Open(t.Context(), src, p, sign.WithBundle(b), atWhen(), sign.WithDenyList(denyList(t, authority, l)))
		if errors.Is(err, sign.ErrDenied) != tt.denied || !tt.denied && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDenyListInForce: a list counts if it is signed by the right key, is not older than required and has not expired; a policy
// that asks for one accepts nothing without it.
func TestDenyListInForce(t *testing.T) {
	src, key, authority := sample(), signtest.Key(t), signtest.Key(t)
	b := bundleOf(t, src, key)
	good := func() sign.Policy {
		p := anyModel(key)
		p.DenyListKeys, p.MinDenyList = []crypto.PublicKey{authority.Public()}, 3
		return p
	}
	expired := newList(3)
	expired.Issued, expired.Expires = when.AddDate(0, 0, -2), when
	other, err := dsse.Sign(authority, "application/vnd.holdfast.rules+json", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		list []byte
		edit func(p *sign.Policy)
		want error
	}{
		"good":           {denyList(t, authority, newList(3)), nil, nil},
		"newer":          {denyList(t, authority, newList(4)), nil, nil},
		"older":          {denyList(t, authority, newList(2)), nil, sign.ErrVersion},
		"expired":        {denyList(t, authority, expired), nil, sign.ErrPolicy},
		"none":           {nil, nil, sign.ErrPolicy},
		"empty":          {[]byte{}, nil, sign.ErrPolicy},
		"of the signer":  {denyList(t, key, newList(3)), nil, dsse.ErrSignature},
		"another type":   {other, nil, dsse.ErrFormat},
		"not asked for":  {denyList(t, authority, newList(3)), func(p *sign.Policy) { p.DenyListKeys, p.MinDenyList = nil, 0 }, sign.ErrPolicy},
		"not even given": {nil, func(p *sign.Policy) { p.DenyListKeys, p.MinDenyList = nil, 0 }, nil},
	} {
		p := good()
		if tt.edit != nil {
			tt.edit(&p)
		}
		opts := []sign.Option{sign.WithBundle(b), atWhen()}
		if tt.list != nil {
			opts = append(opts, sign.WithDenyList(tt.list))
		}
		if _, err := sign.Open(t.Context(), src, p, opts...); !errors.Is(err, tt.want) || tt.want != nil && !errors.Is(err, sign.ErrPolicy) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestDenyListForm signs lists that break one rule each.
func TestDenyListForm(t *testing.T) {
	src, key, authority := sample(), signtest.Key(t), signtest.Key(t)
	b := bundleOf(t, src, key)
	p := anyModel(key)
	p.DenyListKeys = []crypto.PublicKey{authority.Public()}
	zeros := strings.Repeat("0", 64)
	base := func() object {
		return object{"version": 1, "number": 3, "issued": "2030-01-01T00:00:00Z", "expires": "2031-01-01T00:00:00Z",
			"models": []any{}, "files": []any{}, "keys": []any{}, "certificates": []any{}}
	}
	for name, edit := range map[string]func(d object){
		"version":       func(d object) { d["version"] = 2 },
		"no version":    func(d object) { delete(d, "version") },
		"no number":     func(d object) { delete(d, "number") },
		"unknown field": func(d object) { d["modells"] = []any{} },
		"no expiry":     func(d object) { delete(d, "expires") },
		"not issued":    func(d object) { delete(d, "issued") },
		"backwards":     func(d object) { d["expires"] = "2029-01-01T00:00:00Z" },
		"no time":       func(d object) { d["expires"] = "soon" },
		"model short":   func(d object) { d["models"] = []any{object{"model_id": "00"}} },
		"model upper":   func(d object) { d["models"] = []any{object{"model_id": strings.Repeat("A", 64)}} },
		"model empty":   func(d object) { d["models"] = []any{object{}} },
		"file short":    func(d object) { d["files"] = []any{object{"digest": "00"}} },
		"file unknown":  func(d object) { d["files"] = []any{object{"digest": zeros, "name": "x"}} },
		"key short":     func(d object) { d["keys"] = []any{object{"fingerprint": "00"}} },
		"key at zero": func(d object) {
			d["keys"] = []any{object{"fingerprint": zeros, "signed_after": "0001-01-01T00:00:00Z"}}
		},
		"serial upper":  func(d object) { d["certificates"] = []any{object{"serial": "AB"}} },
		"serial zeros":  func(d object) { d["certificates"] = []any{object{"serial": "0a"}} },
		"serial empty":  func(d object) { d["certificates"] = []any{object{}} },
		"serial colons": func(d object) { d["certificates"] = []any{object{"serial": "a:b"}} },
		"issuer":        func(d object) { d["certificates"] = []any{object{"serial": "a", "issuer": "CN=x"}} },
		"too many":      func(d object) { d["keys"] = make([]any, 50_001) },
	} {
		d := base()
		edit(d)
		payload, _ := json.Marshal(d)
		envelope, err := dsse.Sign(authority, sign.DenyListType, payload)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sign.Open(t.Context(), src, p, sign.WithBundle(b), atWhen(), sign.WithDenyList(envelope)); !errors.Is(err, sign.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	payload, _ := json.Marshal(base())
	envelope, _ := dsse.Sign(authority, sign.DenyListType, payload)
	if _, err := sign.Open(t.Context(), src, p, sign.WithBundle(b), atWhen(), sign.WithDenyList(envelope)); err != nil {
		t.Errorf("twin: %v", err)
	}
	if _, err := sign.SignDenyList(authority, &sign.DenyList{Number: 1}); !errors.Is(err, sign.ErrFormat) {
		t.Errorf("signed without times: %v", err)
	}
}

// TestDenySigner: one of two signers falls, and with it the model; of three it does not.
func TestDenySigner(t *testing.T) {
	src, authority := sample(), signtest.Key(t)
	a, b, c := signtest.Key(t), signtest.Key(t), signtest.Key(t)
	fp := fingerprint(t, a.Public())
	l := newList(1)
	l.Keys = []sign.DeniedKey{{Fingerprint: hexOf(fp[:])}}
	p := sign.Policy{Keys: []crypto.PublicKey{a.Public(), b.Public(), c.Public()}, Signers: 2, InsecureAnyModel: true,
		DenyListKeys: []crypto.PublicKey{authority.Public()}}
	for n, more := range [][][]byte{{bundleOf(t, src, b)}, {bundleOf(t, src, b), bundleOf(t, src, c)}} {
		opts := []sign.Option{sign.WithBundle(bundleOf(t, src, a)), sign.WithCosigners(more...), atWhen()}
		_, err := sign.Open(t.Context(), src, p, append(opts, sign.WithDenyList(denyList(t, authority, l)))...)
		if n == 0 && !errors.Is(err, sign.ErrDenied) || n == 1 && err != nil {
			t.Errorf("opened late, %d more: %v", len(more), err)
		}
		m, err := sign.Open(t.Context(), src, p, append(opts, sign.WithDenyList(denyList(t, authority, newList(1))))...)
		if err != nil {
			t.Fatal(err)
		}
		l.Number = 2
		if err := m.UpdateDenyList(denyList(t, authority, l)); n == 0 && !errors.Is(err, sign.ErrDenied) || n == 1 && err != nil {
			t.Errorf("open, %d more: %v", len(more), err)
		}
		l.Number = 1
	}
}

// FuzzDenyList: whatever is accepted was signed, and can be signed again.
func FuzzDenyList(f *testing.F) {
	l := newList(3)
	cutoff := when
	l.Models, l.Files = []sign.DeniedModel{{ModelID: strings.Repeat("1", 64)}}, []sign.DeniedFile{{Digest: strings.Repeat("2", 64)}}
	l.Keys = []sign.DeniedKey{{Fingerprint: strings.Repeat("3", 64), SignedAfter: &cutoff}}
	l.Certificates = []sign.DeniedCertificate{{Serial: "4", Issuer: strings.Repeat("5", 64)}}
	payload, _ := json.Marshal(l)
	f.Add(append([]byte(`{"version":1,`), payload[1:]...))
	f.Add([]byte(`{"version":1}`))
	src, key, authority := sample(), signtest.Key(f), signtest.Key(f)
	b := bundleOf(f, src, key)
	p := anyModel(key)
	p.DenyListKeys = []crypto.PublicKey{authority.Public()}
	f.Fuzz(func(t *testing.T, payload []byte) {
		envelope, err := dsse.Sign(authority, sign.DenyListType, payload)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sign.Open(t.Context(), src, p, sign.WithBundle(b), atWhen(), sign.WithDenyList(envelope))
		if err != nil && !errors.Is(err, sign.ErrFormat) && !errors.Is(err, sign.ErrPolicy) {
			t.Fatal(err)
		}
	})
}
