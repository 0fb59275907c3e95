package tdx

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// A verification beside one of ECDSA P-256, of which it does six: three of a quote's parts, three of certificates.
func BenchmarkVerify(b *testing.B) {
	f := newFake(b)
	quote, root := f.quote(b), f.rootPin()
	v := Verifier{Policy: f.exactly(b), Clock: func() time.Time { return now }, InsecureRoot: &root, Collateral: []*Collateral{f.collateral(b)}}
	ev, data := attest.Evidence{Kind: attest.KindSimulated, Report: quote}, [64]byte(f.body[520:])
	digest := sha256.Sum256(quote)
	signature, err := ecdsa.SignASN1(nil, f.pck.key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("quote", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), ev, data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("P-256", func(b *testing.B) {
		for b.Loop() {
			if !ecdsa.VerifyASN1(&f.pck.key.PublicKey, digest[:], signature) {
				b.Fatal("refused")
			}
		}
	})
}
