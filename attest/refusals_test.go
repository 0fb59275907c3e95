package attest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
)

// Each bound of evidence holds in both directions, and at the bound itself evidence is accepted.
func TestEvidenceBounds(t *testing.T) {
	cert := []byte{1}
	for name, c := range map[string]struct {
		change func(*attest.Evidence)
		ok     bool
	}{
		"nothing":             {func(e *attest.Evidence) {}, true},
		"no certificates":     {func(e *attest.Evidence) { e.Certs = nil }, true},
		"no kind":             {func(e *attest.Evidence) { e.Kind = "" }, false},
		"no report":           {func(e *attest.Evidence) { e.Report = nil }, false},
		"largest report":      {func(e *attest.Evidence) { e.Report = make([]byte, attest.MaxReport) }, true},
		"larger report":       {func(e *attest.Evidence) { e.Report = make([]byte, attest.MaxReport+1) }, false},
		"most certificates":   {func(e *attest.Evidence) { e.Certs = slicesOf(cert, attest.MaxCerts) }, true},
		"more certificates":   {func(e *attest.Evidence) { e.Certs = slicesOf(cert, attest.MaxCerts+1) }, false},
		"largest certificate": {func(e *attest.Evidence) { e.Certs = [][]byte{make([]byte, attest.MaxCert)} }, true},
		"larger certificate":  {func(e *attest.Evidence) { e.Certs = [][]byte{make([]byte, attest.MaxCert+1)} }, false},
		"empty certificate":   {func(e *attest.Evidence) { e.Certs = [][]byte{{}} }, false},
	} {
		e := attest.Evidence{Kind: "x", Report: []byte{1}, Certs: [][]byte{cert}}
		c.change(&e)
		b, err := attest.MarshalEvidence(e)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: written: %v", name, err)
		}
		if e.Certs == nil { // on the wire it is a list
			if !bytes.Contains(b, []byte(`"certs":[]`)) {
				t.Errorf("%s: %s", name, b)
			}
			e.Certs = [][]byte{}
		}
		if b, err = json.Marshal(e); err != nil {
			t.Fatal(err)
		}
		if _, err = attest.ParseEvidence(b); (err == nil) != c.ok || err != nil && !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: read: %v", name, err)
		}
	}
	if _, err := attest.ParseEvidence([]byte(`{"kind":"x","report":"AA==","certs":null}`)); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("null for a list: %v", err)
	}
}

func slicesOf[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// Bounds of claims, the same for those who write and those who read.
func TestClaimsBounds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*attest.Claims)
		ok     bool
	}{
		"nothing":        {func(c *attest.Claims) {}, true},
		"no models":      {func(c *attest.Claims) { c.Models = []attest.Model{} }, false},
		"most models":    {func(c *attest.Claims) { c.Models = slicesOf(c.Models[0], attest.MaxModels) }, true},
		"more models":    {func(c *attest.Claims) { c.Models = slicesOf(c.Models[0], attest.MaxModels+1) }, false},
		"nothing loaded": {func(c *attest.Claims) { c.Models[0].Loaded = attest.Digest{} }, false},
		"longest name":   {func(c *attest.Claims) { c.Models[0].Name = strings.Repeat("n", 256) }, true},
		"longer name":    {func(c *attest.Claims) { c.Models[0].Name = strings.Repeat("n", 257) }, false},
		"zero time":      {func(c *attest.Claims) { c.Time = time.Time{} }, false},
	} {
		cl := claims()
		cl.Time = start
		c.change(&cl)
		b, err := json.Marshal(cl)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attest.ParseClaims(b); (err == nil) != c.ok || err != nil && !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDigestText(t *testing.T) {
	good := strings.Repeat("0a", 32)
	var d attest.Digest
	if err := d.UnmarshalText([]byte(good)); err != nil || d.String() != good {
		t.Fatal(err)
	}
	for _, bad := range []string{"", good[2:], good + "0a", good[1:], strings.ToUpper(good), good[:63] + "g"} {
		if err := d.UnmarshalText([]byte(bad)); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A later epoch with any other model, or another word about one, is not the chain that was quoted.
func TestFollowerKeepsTheModels(t *testing.T) {
	w := newWorld(t)
	follow := func(change func(*attest.Claims)) error {
		first := attest.Digest(w.chain.ID())
		c := claims()
		c.Epoch, c.Prev, c.Time = 1, &first, start
		change(&c)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		env, err := dsse.Sign(w.key, attest.EpochPayloadType, b)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(w.chain.Document(), &m); err != nil {
			t.Fatal(err)
		}
		m["epochs"] = append(m["epochs"].([]any), env)
		doc, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = attest.VerifyChain(t.Context(), doc, nil, w.policy)
		return err
	}
	if err := follow(func(*attest.Claims) {}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*attest.Claims){
		"identity": func(c *attest.Claims) { c.Models[0].ModelID[0]++ },
		"name":     func(c *attest.Claims) { c.Models[0].Name += "2" },
		"version":  func(c *attest.Claims) { c.Models[0].Version++ },
		"loaded":   func(c *attest.Claims) { c.Models[0].Loaded[0]++ },
		"MBOM":     func(c *attest.Claims) { c.Models[0].MBOM = &attest.Digest{6} },
		"no MBOM":  func(c *attest.Claims) { c.Models[0].MBOM = nil },
		"one more": func(c *attest.Claims) { c.Models = append(c.Models, c.Models[0]) },
		"one less, one": func(c *attest.Claims) {
			c.Models = []attest.Model{{ModelID: attest.Digest{9}, Loaded: attest.Digest{9}}}
		},
	} {
		if err := follow(change); !errors.Is(err, attest.ErrBinding) {
			t.Errorf("%s: %v", name, err)
		}
		next := claims()
		change(&next)
		if err := w.chain.Next(next); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s, on the serving side: %v", name, err)
		}
	}
}

// K is an ECDSA key over P-256 in one encoding, and a chain has a bounded number of epochs.
func TestForeignKeys(t *testing.T) {
	w := newWorld(t)
	spki := func(pub any) []byte {
		b, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	// The same key with a NULL behind its curve, which the parser passes over.
	var k struct {
		Algorithm struct {
			ID    asn1.ObjectIdentifier
			Curve asn1.ObjectIdentifier
		}
		Key asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki(w.key.Public()), &k); err != nil {
		t.Fatal(err)
	}
	var again struct {
		Algorithm struct {
			ID    asn1.ObjectIdentifier
			Curve asn1.ObjectIdentifier
			Null  asn1.RawValue
		}
		Key asn1.BitString
	}
	again.Key, again.Algorithm.ID, again.Algorithm.Curve, again.Algorithm.Null = k.Key, k.Algorithm.ID, k.Algorithm.Curve, asn1.NullRawValue
	twice, err := asn1.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(w.chain.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"P-384":            func(m map[string]any) { m["key"] = spki(p384.Public()) },
		"RSA":              func(m map[string]any) { m["key"] = spki(rsaKey.Public()) },
		"another encoding": func(m map[string]any) { m["key"] = twice },
		"no key":           func(m map[string]any) { m["key"] = []byte("key") },
		"bytes behind it":  func(m map[string]any) { m["key"] = append(spki(w.key.Public()), 0) },
		"empty evidence": func(m map[string]any) {
			m["evidence"] = map[string]any{"kind": "simulated", "report": "", "certs": []any{}}
		},
		"many epochs": func(m map[string]any) { m["epochs"] = slicesOf(m["epochs"].([]any)[0], attest.MaxEpochs+1) },
	} {
		m := map[string]any{}
		maps.Copy(m, doc)
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attest.VerifyChain(t.Context(), b, nil, w.policy); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.key.Sign(rand.Reader, make([]byte, 48), crypto.SHA384); err == nil {
		t.Error("K signs what is no SHA-256 digest")
	}
	if _, err := w.key.Sign(rand.Reader, make([]byte, 32), nil); err == nil {
		t.Error("K signs a digest of nobody knows what")
	}
}

type verifierFunc func(attest.Evidence) (*attest.Result, error)

func (f verifierFunc) Verify(_ context.Context, ev attest.Evidence, _ [64]byte) (*attest.Result, error) {
	return f(ev)
}

// What verifiers answer counts only where it is about the evidence, and no machine is taken for hardware that is none.
func TestVerifiersAnswers(t *testing.T) {
	ev, err := attest.MarshalEvidence(attest.Evidence{Kind: "x", Report: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(r *attest.Result, err error) attest.Verifier {
		return verifierFunc(func(attest.Evidence) (*attest.Result, error) { return r, err })
	}
	other, good := answer(nil, attest.ErrKind), answer(&attest.Result{Kind: "x"}, nil)
	for name, c := range map[string]struct {
		verifiers []attest.Verifier
		want      error
	}{
		"one":                   {[]attest.Verifier{good}, nil},
		"the second knows it":   {[]attest.Verifier{nil, other, good}, nil},
		"nobody knows it":       {[]attest.Verifier{other, nil}, attest.ErrKind},
		"the first refuses":     {[]attest.Verifier{answer(nil, attest.ErrSignature), good}, attest.ErrSignature},
		"nothing is said":       {[]attest.Verifier{answer(nil, nil)}, attest.ErrKind},
		"about another kind":    {[]attest.Verifier{answer(&attest.Result{Kind: "y"}, nil)}, attest.ErrKind},
		"simulated behind an x": {[]attest.Verifier{answer(&attest.Result{Kind: "x", Simulated: true}, nil)}, attest.ErrPolicy},
		"no verifier":           {nil, attest.ErrPolicy},
	} {
		r, err := attest.Policy{Verifiers: c.verifiers}.VerifyEvidence(t.Context(), ev, [64]byte{})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (r == nil) != (c.want != nil) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if _, err := (attest.Policy{Verifiers: []attest.Verifier{good}}).VerifyEvidence(t.Context(), ev[1:], [64]byte{}); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("broken evidence: %v", err)
	}
	if err := (attest.Checks)(nil).Err(); !errors.Is(err, attest.ErrPolicy) {
		t.Errorf("a verdict of no checks: %v", err)
	}
}

// A quote that is from the future is refused also where its epoch is not.
func TestQuoteFromTheFuture(t *testing.T) {
	w := newWorld(t)
	w.now = start.Add(attest.MaxSkew + time.Second)
	if err := w.chain.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.now = start
	if _, err := attest.VerifyChain(t.Context(), w.chain.Document(), nil, w.policy); field(err) != "not_in_future" {
		t.Error(err)
	}
}

// A statement says what the hardware said, from when it is, and lists every check, in order.
func TestStatement(t *testing.T) {
	w := newWorld(t)
	w.policy.MaxAge = time.Hour
	mine := [32]byte{42}
	fresh, err := w.chain.Fresh(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	w.now = start.Add(time.Minute)
	for _, c := range []struct {
		doc    []byte
		ch     *[32]byte
		quoted time.Time
	}{{w.chain.Document(), nil, start}, {fresh, &mine, w.now}} {
		st, err := attest.VerifyChain(t.Context(), c.doc, c.ch, w.policy)
		if err != nil {
			t.Fatal(err)
		}
		if !st.Quoted.Equal(c.quoted) || !st.Expires.Equal(c.quoted.Add(time.Hour)) || st.Fresh != (c.ch != nil) {
			t.Errorf("quoted %v until %v", st.Quoted, st.Expires)
		}
		if st.Result.Kind != attest.KindSimulated || !st.Result.Simulated || st.Result.Product != "Genoa" {
			t.Errorf("%+v", st.Result)
		}
		var codes []string
		for _, x := range st.Checks {
			if !strings.HasPrefix(x.Code, "snp.") {
				codes = append(codes, x.Code)
			}
		}
		if got := fmt.Sprint(codes); got != "[hardware max_age not_in_future config model mbom guard_policy]" || len(codes) == len(st.Checks) {
			t.Errorf("checks: %s", got)
		}
	}
}

type deviceFunc func(rd [64]byte) (attest.Evidence, error)

func (f deviceFunc) Evidence(_ context.Context, rd [64]byte) (attest.Evidence, error) { return f(rd) }

// A chain is not started or renewed on a device's fault, and never on less than evidence.
func TestDeviceFaults(t *testing.T) {
	w := newWorld(t)
	fault := errors.New("fault")
	var answer func(rd [64]byte) (attest.Evidence, error)
	good := func(rd [64]byte) (attest.Evidence, error) { return w.device.Evidence(t.Context(), rd) }
	device := deviceFunc(func(rd [64]byte) (attest.Evidence, error) { return answer(rd) })
	start := func() (*attest.Chain, error) {
		return attest.NewChain(t.Context(), attest.ChainConfig{Device: device, Identity: w.key, Claims: claims()})
	}
	answer = good
	c, err := start()
	if err != nil {
		t.Fatal(err)
	}
	before := string(c.Document())
	for name, x := range map[string]struct {
		answer func(rd [64]byte) (attest.Evidence, error)
		want   error
	}{
		"fault":       {func(rd [64]byte) (attest.Evidence, error) { ev, _ := good(rd); return ev, fault }, fault},
		"no evidence": {func([64]byte) (attest.Evidence, error) { return attest.Evidence{Kind: "x"}, nil }, attest.ErrFormat},
	} {
		answer = x.answer
		if _, err := start(); !errors.Is(err, x.want) {
			t.Errorf("%s: started: %v", name, err)
		}
		if err := c.Renew(t.Context()); !errors.Is(err, x.want) || string(c.Document()) != before {
			t.Errorf("%s: renewed: %v", name, err)
		}
		if doc, err := c.Fresh(t.Context(), [32]byte{1}); !errors.Is(err, x.want) || doc != nil {
			t.Errorf("%s: fresh: %v", name, err)
		}
		if b, err := attest.Quote(t.Context(), device, [64]byte{}); !errors.Is(err, x.want) || b != nil {
			t.Errorf("%s: quoted: %v", name, err)
		}
	}
	answer = good
	if _, err := attest.Quote(t.Context(), nil, [64]byte{}); !errors.Is(err, attest.ErrUnavailable) {
		t.Errorf("no device: %v", err)
	}
	for name, change := range map[string]func(*attest.ChainConfig){
		"no device":   func(c *attest.ChainConfig) { c.Device = nil },
		"no identity": func(c *attest.ChainConfig) { c.Identity = nil },
	} {
		cfg := attest.ChainConfig{Device: device, Identity: w.key, Claims: claims()}
		change(&cfg)
		if _, err := attest.NewChain(t.Context(), cfg); !errors.Is(err, attest.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	less := claims()
	less.Config = attest.Digest{}
	if _, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: device, Identity: w.key, Claims: less}); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("claims of no configuration: %v", err)
	}
	if err := c.Next(less); !errors.Is(err, attest.ErrFormat) || string(c.Document()) != before {
		t.Errorf("epoch of no configuration: %v", err)
	}
}

// A chain grows by what is reloaded, and relying parties read so much and no more: it says that it is full before nobody can read it.
func TestChainIsReadAsLongAsItGrows(t *testing.T) {
	w := newWorld(t)
	large := claims()
	large.Models = slicesOf(large.Models[0], attest.MaxModels)
	for i := range large.Models {
		large.Models[i].Name = "tiny" // of which the policy accepts each
	}
	c, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: w.device, Identity: w.key, Claims: large, Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		err = c.Next(large)
	}
	if !errors.Is(err, attest.ErrFormat) {
		t.Fatal(err)
	}
	if _, err := attest.VerifyChain(t.Context(), c.Document(), nil, w.policy); err != nil {
		t.Errorf("after %d epochs, in %d bytes: %v", n, len(c.Document()), err)
	}
	var challenge [32]byte
	doc, err := c.Fresh(t.Context(), challenge)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.VerifyChain(t.Context(), doc, &challenge, w.policy); err != nil {
		t.Errorf("fresh: %v", err)
	}
}
