package receipt_test

import (
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/receipt"
)

// What a request takes of the attestation is made once per epoch or quote: between them it allocates nothing.
func TestNoAllocationsBetweenQuotes(t *testing.T) {
	v, err := attesttest.NewVendor()
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Device(attesttest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := attest.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	claims := attest.Claims{Config: attest.Digest{7}, Models: []attest.Model{{ModelID: attest.Digest{1}, Name: "m", MBOM: &attest.Digest{5}, Loaded: attest.Digest{2}}}}
	c, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: d, Identity: k, Claims: claims})
	if err != nil {
		t.Fatal(err)
	}
	s, err := channel.NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	var subject receipt.Subject
	var document []byte
	check := func(when string) {
		t.Helper()
		if n := testing.AllocsPerRun(100, func() {
			subject, document = receipt.SubjectOf(s.Chain()), s.Chain().Document()
		}); n != 0 {
			t.Errorf("%s: %v allocations", when, n)
		}
	}
	check("after the first quote")
	first := document
	if err := c.Next(claims); err != nil {
		t.Fatal(err)
	}
	if err := c.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after an epoch and a renewal")
	if subject.Epoch != 1 || &first[0] == &document[0] {
		t.Errorf("epoch %d: what was measured was not renewed", subject.Epoch)
	}
}
