package attesttest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/snp"
)

// A machine whose host may debug its guests is refused, and so is every simulated machine by a verifier of real ones.
func ExampleVendor() {
	ctx := context.Background()
	vendor, err := attesttest.NewVendor()
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := attesttest.Options{}.Policy()
	for _, machine := range []attesttest.Options{{}, {Debug: true}} {
		device, err := vendor.Device(machine)
		if err != nil {
			fmt.Println(err)
			return
		}
		evidence, err := device.Evidence(ctx, [64]byte{1})
		if err != nil {
			fmt.Println(err)
			return
		}
		_, err = vendor.Verifier(policy).Verify(ctx, evidence, [64]byte{1})
		fmt.Println("debug", machine.Debug, "refused:", errors.Is(err, attest.ErrPolicy))
		_, err = (&snp.Verifier{Policy: policy}).Verify(ctx, evidence, [64]byte{1})
		fmt.Println("real verifier refuses:", err != nil)
	}
	// Output:
	// debug false refused: false
	// real verifier refuses: true
	// debug true refused: true
	// real verifier refuses: true
}
