package cases

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"errors"

	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
)

// snpSimulated verifies SNP evidence of the simulated vendor, chain, report and policy, with nothing remembered, beside one ECDSA
// P-384 verification. The simulated chain is P-384 throughout (AMD's is RSA but for the report key), so that four
// verifications are the least that it takes: report, report key, intermediate, root.
func snpSimulated() (ratio.Case, error) {
	v, err := attesttest.NewVendor()
	if err != nil {
		return ratio.Case{}, err
	}
	o := attesttest.Options{}
	d, err := v.Device(o)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx := context.Background()
	var reportData [64]byte
	rand.Read(reportData[:])
	e, err := d.Evidence(ctx, reportData)
	if err != nil {
		return ratio.Case{}, err
	}
	verify := func() error {
		_, err := v.Verifier(o.Policy()).Verify(ctx, e, reportData)
		return err
	}
	if err := verify(); err != nil {
		return ratio.Case{}, err
	}
	if _, err := v.Verifier(o.Policy()).Verify(ctx, e, [64]byte{1}); err == nil {
		return ratio.Case{}, errors.New("attest/snp/simulated: verifies over other report data")
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return ratio.Case{}, err
	}
	digest := sha512.Sum384(reportData[:])
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return ratio.Case{}, err
	}
	return ratio.Case{
		Name: "attest/snp/simulated", Better: ratio.Lower,
		Subject: verify,
		Yardstick: func() error {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
				return errors.New("signature does not verify")
			}
			return nil
		},
	}, nil
}
