package snp_test

import (
	"context"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/snp"
)

// A relying party holds evidence against a policy and lists every check. The machine is a simulated one here: for a real one
// take a &snp.Verifier{Policy: policy}, which needs nothing else.
func ExampleVerifier() {
	vendor, err := attesttest.NewVendor()
	if err != nil {
		panic(err)
	}
	machine, err := vendor.Device(attesttest.Options{Measurement: [48]byte{1}})
	if err != nil {
		panic(err)
	}
	ctx, reportData := context.Background(), [64]byte{42} // what the report must be about, see attest.ReportData
	evidence, err := machine.Evidence(ctx, reportData)
	if err != nil {
		panic(err)
	}

	policy := snp.Policy{
		Products:     []snp.Product{snp.Genoa},
		Measurements: [][48]byte{{1}}, // launch digests of the guests that are accepted
		MinTCB:       snp.Floors(),
		RefuseSMT:    true,
	}
	result, err := vendor.Verifier(policy).Verify(ctx, evidence, reportData)
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Product, result.TCB, result.Simulated)

	policy.MinGuestSVN, policy.RequireRevocationList = 3, true
	_, err = vendor.Verifier(policy).Verify(ctx, evidence, reportData)
	for _, c := range attest.Explain(nil, err) {
		if c.Status == attest.Fail {
			fmt.Printf("%s: want %s, got %s\n", c.Code, c.Want, c.Got)
		}
	}
	// Output:
	// Genoa 00/00/00/17/54 true
	// snp.guest_svn: want at least 3, got 0
	// snp.revocation_list: want one that has not ended, got none
}
