package attest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
)

// A server claims what it has loaded, its machine quotes the claims, and a relying party decides by a policy of its own. The machine is
// simulated here, which the policy has to say; in production the device is a *snp.Device and the verifier a *snp.Verifier.
func ExampleVerifyChain() {
	ctx := context.Background()
	vendor, err := attesttest.NewVendor()
	if err != nil {
		fmt.Println(err)
		return
	}
	device, err := vendor.Device(attesttest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := attest.NewIdentity()
	if err != nil {
		fmt.Println(err)
		return
	}
	config := attest.Digest{7} // of sign, MBOM, weight and guard policies
	chain, err := attest.NewChain(ctx, attest.ChainConfig{Device: device, Identity: key, Claims: attest.Claims{
		Config: config, Models: []attest.Model{{ModelID: attest.Digest{1}, Name: "harbor-tiny", Version: 7, Loaded: attest.Digest{2}}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}

	policy := attest.Policy{
		Verifiers:               []attest.Verifier{vendor.Verifier(attesttest.Options{}.Policy())},
		Configs:                 []attest.Digest{config},
		Models:                  []attest.ModelPolicy{{Name: "harbor-tiny", MinVersion: 7}},
		InsecureAcceptSimulated: true,
	}
	statement, err := attest.VerifyChain(ctx, chain.Document(), nil, policy)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("accepted under the key of the server:", statement.KeyHash() == key.KeyHash())

	policy.Models[0].MinVersion = 8
	_, err = attest.VerifyChain(ctx, chain.Document(), nil, policy)
	fmt.Println("refused by the policy:", errors.Is(err, attest.ErrPolicy))
	for _, check := range attest.Explain(nil, err) {
		if check.Status == attest.Fail {
			fmt.Println(check.Code, check.Want)
		}
	}
	// Output:
	// accepted under the key of the server: true
	// refused by the policy: true
	// model "harbor-tiny" version >= 8
}
