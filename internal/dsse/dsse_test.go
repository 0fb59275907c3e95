package dsse

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const testType = "application/vnd.holdfast.test+json"

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t testing.TB, k crypto.Signer, payload string) []byte {
	t.Helper()
	env, err := Sign(k, testType, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k := newKey(t, c)
		for _, payload := range []string{"", "{}", "exact\x00bytes \r\n"} {
			got, err := Verify(k.Public(), testType, signed(t, k, payload))
			if err != nil || string(got) != payload {
				t.Fatalf("%s: got %q, %v; want %q", c.Params().Name, got, err, payload)
			}
		}
	}
}

// Each case changes one thing of an envelope that verifies.
func TestRefused(t *testing.T) {
	k := newKey(t, elliptic.P256())
	good := signed(t, k, `{"a":1}`)
	var e struct {
		PayloadType, Payload string
		Signatures           []struct{ Sig string }
	}
	if err := json.Unmarshal(good, &e); err != nil {
		t.Fatal(err)
	}
	sig := e.Signatures[0].Sig
	replace := func(old, new string) []byte {
		out := strings.Replace(string(good), old, new, 1)
		if out == string(good) {
			t.Fatalf("%q is not in the envelope", old)
		}
		return []byte(out)
	}
	otherPayload := base64.StdEncoding.EncodeToString([]byte(`{"a":2}`))
	cases := []struct {
		name string
		env  []byte
		want error
	}{
		{"altered payload", replace(e.Payload, otherPayload), ErrSignature},
		{"another envelope's signature", replace(sig, mustSig(t, signed(t, k, `{"a":2}`))), ErrSignature},
		{"another key's signature", replace(sig, mustSig(t, signed(t, newKey(t, elliptic.P256()), `{"a":1}`))), ErrSignature},
		{"empty signature", replace(sig, ""), ErrSignature},
		{"signature with a byte behind it", replace(sig, appended(t, sig)), ErrSignature},
		{"no signature", replace(`[{"sig":"`+sig+`"}]`, `[]`), ErrFormat},
		{"null signatures", replace(`[{"sig":"`+sig+`"}]`, `null`), ErrFormat},
		{"two signatures", replace(`{"sig":"`+sig+`"}`, `{"sig":"`+sig+`"},{"sig":"`+sig+`"}`), ErrFormat},
		{"another type in the envelope", replace(testType, testType+"x"), ErrFormat},
		{"type in other case", replace(testType, strings.ToUpper(testType)), ErrFormat},
		{"payload without padding", replace(e.Payload, strings.TrimRight(e.Payload, "=")), ErrFormat},
		{"payload with line break", replace(e.Payload, e.Payload[:4]+`\n`+e.Payload[4:]), ErrFormat},
		{"payload in URL alphabet", replace(e.Payload, "-_-_"), ErrFormat},
		{"payload with loose bits", replace(e.Payload, strings.TrimSuffix(e.Payload, "fQ==")+"fR=="), ErrFormat},
		{"signature with line break", replace(sig, sig[:4]+`\r\n`+sig[4:]), ErrFormat},
		{"duplicate key", replace(`"payload":`, `"payload":"e30=","payload":`), ErrFormat},
		{"key in other case", replace(`"payload":`, `"Payload":`), ErrFormat},
		{"unknown key", replace(`"payload":`, `"x":1,"payload":`), ErrFormat},
		{"trailing bytes", append(bytes.Clone(good), '{', '}'), ErrFormat},
		{"two envelopes", append(append(bytes.Clone(good), '\n'), good...), ErrFormat},
		{"empty", nil, ErrFormat},
		{"not an object", []byte(`[]`), ErrFormat},
		{"null", []byte(`null`), ErrFormat},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Verify(k.Public(), testType, c.env)
			if !errors.Is(err, c.want) || got != nil {
				t.Fatalf("got %q, %v; want %v", got, err, c.want)
			}
		})
	}
	if _, err := Verify(k.Public(), testType, good); err != nil {
		t.Fatalf("the untouched twin: %v", err)
	}
}

// A type that was signed is not replaced by the type that is asked for: PAE binds it.
func TestTypeIsSigned(t *testing.T) {
	k := newKey(t, elliptic.P256())
	env := bytes.Replace(signed(t, k, "{}"), []byte(testType), []byte("application/other"), 1)
	if _, err := Verify(k.Public(), "application/other", env); !errors.Is(err, ErrSignature) {
		t.Fatalf("got %v, want ErrSignature", err)
	}
}

func TestKeyIDIsNeverUsed(t *testing.T) {
	k := newKey(t, elliptic.P384())
	good := string(signed(t, k, "{}"))
	for _, id := range []string{`null`, `""`, `"some other key"`} {
		env := strings.Replace(good, `{"sig"`, `{"keyid":`+id+`,"sig"`, 1)
		if _, err := Verify(k.Public(), testType, []byte(env)); err != nil {
			t.Errorf("keyid %s: %v", id, err)
		}
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	k := newKey(t, elliptic.P256())
	env := signed(t, k, "{}")
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []crypto.Signer{ed, r, newKey(t, elliptic.P224())} {
		if _, err := Sign(s, testType, nil); err == nil {
			t.Errorf("%T signs", s)
		}
		if _, err := Verify(s.Public(), testType, env); err == nil {
			t.Errorf("%T verifies", s.Public())
		}
	}
	if _, err := Verify(nil, testType, env); err == nil {
		t.Error("a nil key verifies")
	}
}

func TestEnvelopeSizeIsBounded(t *testing.T) {
	k := newKey(t, elliptic.P256())
	env := append(signed(t, k, "{}"), bytes.Repeat([]byte{' '}, MaxEnvelope)...)
	if _, err := Verify(k.Public(), testType, env); !errors.Is(err, ErrFormat) {
		t.Fatalf("got %v, want ErrFormat", err)
	}
}

// FuzzVerify holds that whatever verifies carries the one payload that was signed.
func FuzzVerify(f *testing.F) {
	k := newKey(f, elliptic.P256())
	const payload = `{"a":1}`
	good := signed(f, k, payload)
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`{"sig"`), []byte(`{"keyid":"","sig"`), 1))
	f.Add([]byte(`{"payloadType":"x","payload":"","signatures":[{"sig":""}]}`))
	f.Fuzz(func(t *testing.T, env []byte) {
		got, err := Verify(k.Public(), testType, env)
		switch {
		case err == nil && string(got) != payload:
			t.Fatalf("forged payload %q", got)
		case err != nil && got != nil:
			t.Fatal("bytes beside an error")
		case err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrSignature):
			t.Fatalf("error of no class: %v", err)
		}
	})
}

func mustSig(t *testing.T, env []byte) string {
	t.Helper()
	var e Envelope
	if err := json.Unmarshal(env, &e); err != nil {
		t.Fatal(err)
	}
	return e.Signatures[0].Sig
}

func appended(t *testing.T, sig string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(sig)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(append(b, 0))
}

// A key that was never set refuses, and an error does not carry what a stranger wrote.
func TestHostileEnvelopes(t *testing.T) {
	for _, pub := range []crypto.PublicKey{nil, (*ecdsa.PublicKey)(nil), &ecdsa.PublicKey{}} {
		e := Envelope{PayloadType: "t", Signatures: []Signature{{}}}
		if _, err := e.Verify(pub, "t"); err == nil {
			t.Errorf("%T: accepted", pub)
		}
	}
	_, err := (&Envelope{PayloadType: strings.Repeat("x", 1<<20)}).Verify(nil, "t")
	if !errors.Is(err, ErrFormat) || len(err.Error()) > 200 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// TestOneSignature holds the method to one signature too, for envelopes that were parsed elsewhere.
func TestOneSignature(t *testing.T) {
	key := newKey(t, elliptic.P256())
	env, err := Sign(key, "t", []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	var e Envelope
	if err := json.Unmarshal(env, &e); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Verify(key.Public(), "t"); err != nil {
		t.Fatal(err)
	}
	e.Signatures = append(e.Signatures, e.Signatures[0])
	if _, err := e.Verify(key.Public(), "t"); !errors.Is(err, ErrFormat) {
		t.Errorf("two signatures: %v", err)
	}
}
