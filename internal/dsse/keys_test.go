package dsse

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"math/big"
	"runtime"
	"testing"
)

// An envelope is read and hashed once, however many keys may have signed it: its giver chooses how long it is.
func TestManyKeysOneHash(t *testing.T) {
	const size = 1 << 20
	env := signed(t, newKey(t, elliptic.P256()), string(make([]byte, size)))
	var keys []crypto.PublicKey
	for range 40 {
		keys = append(keys, newKey(t, elliptic.P256()).Public())
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := VerifyAny(keys, testType, env); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 8*size {
		t.Errorf("%d KiB are made of a payload of %d KiB", made>>10, size>>10)
	}
	m := Message{Type: testType, Payload: []byte("x")}
	first, _, err := m.Digest(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range keys {
		if d, _, err := m.Digest(k); err != nil || &d[0] != &first[0] {
			t.Fatalf("key %d: hashed anew, %v", i, err)
		}
	}
}

// A key that is none is refused, and ends no process.
func TestNoKeys(t *testing.T) {
	k := newKey(t, elliptic.P256())
	env := signed(t, k, "x")
	for name, pub := range map[string]crypto.PublicKey{
		"nil": nil, "nil key": (*ecdsa.PublicKey)(nil), "zero": &ecdsa.PublicKey{}, "a curve": &ecdsa.PublicKey{Curve: elliptic.P256()},
		"half a point": &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1)},                    //nolint:staticcheck // a caller can still set them
		"no point":     &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(-1), Y: big.NewInt(1)}, //nolint:staticcheck // the same
	} {
		if _, err := Verify(pub, testType, env); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Sign(nil, testType, nil); err == nil {
		t.Error("signed with no key")
	}
}
