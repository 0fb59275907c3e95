package tdx_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/tdx"
)

// A relying party names the TDs that it accepts, and holds what Intel says of processors. The machine here gives no quote.
func ExampleVerifier() {
	var kernel [48]byte // RTMR 1 of the image, as its builder computed it
	verifier := &tdx.Verifier{
		Policy: tdx.Policy{
			Measurements:     []tdx.Measurement{{MRTD: [48]byte{1}, RTMR: [4]*[48]byte{1: &kernel}}},
			AcceptStatuses:   []tdx.TCBStatus{tdx.SWHardeningNeeded},
			AcceptAdvisories: []string{"INTEL-SA-00837"},
		},
		Collateral: nil, // of tdx.ParseFiles and tdx.NewCollateral; without any, every machine is refused
	}
	policy := attest.Policy{Verifiers: []attest.Verifier{verifier}, InsecureAnyConfig: true, InsecureAnyModel: true}

	device := &tdx.Device{Dir: "/nowhere"}
	_, err := device.Evidence(context.Background(), [64]byte{42})
	fmt.Println(errors.Is(err, attest.ErrUnavailable))

	evidence, err := attest.MarshalEvidence(attest.Evidence{Kind: attest.KindTDX, Report: []byte("no quote")})
	if err != nil {
		panic(err)
	}
	_, err = policy.VerifyEvidence(context.Background(), evidence, [64]byte{42})
	fmt.Println(err)
	// Output:
	// true
	// attest: malformed: TDX quote: too short
}
