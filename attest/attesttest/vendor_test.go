package attesttest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/snp"
)

func machine(t *testing.T, o attesttest.Options) (*attesttest.Vendor, attest.Evidence) {
	t.Helper()
	v, err := attesttest.NewVendor()
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Device(o)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := d.Evidence(t.Context(), [64]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return v, ev
}

func TestOnlyItsOwnVerifierAccepts(t *testing.T) {
	v, ev := machine(t, attesttest.Options{})
	p := attesttest.Options{}.Policy()
	r, err := v.Verifier(p).Verify(t.Context(), ev, [64]byte{1})
	if err != nil || !r.Simulated || r.Kind != attest.KindSimulated {
		t.Fatalf("%+v, %v", r, err)
	}
	other, _ := machine(t, attesttest.Options{})
	if _, err := other.Verifier(p).Verify(t.Context(), ev, [64]byte{1}); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("another vendor: %v", err)
	}
	if _, err := (&snp.Verifier{Policy: p}).Verify(t.Context(), ev, [64]byte{1}); !errors.Is(err, attest.ErrKind) {
		t.Errorf("real verifier: %v", err)
	}
	relabelled := ev
	relabelled.Kind = attest.KindSNP
	if _, err := (&snp.Verifier{Policy: p}).Verify(t.Context(), relabelled, [64]byte{1}); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("relabelled, real verifier: %v", err)
	}
	if _, err := v.Verifier(p).Verify(t.Context(), relabelled, [64]byte{1}); !errors.Is(err, attest.ErrKind) {
		t.Errorf("simulated roots judge what says it is real: %v", err)
	}
	for _, c := range ev.Certs {
		if !strings.Contains(string(c), "INSECURE SIMULATED") {
			t.Error("a certificate does not say what it is")
		}
	}
}

func TestNoPolicyAcceptsItUnlessToldTo(t *testing.T) {
	v, ev := machine(t, attesttest.Options{})
	b, err := attest.MarshalEvidence(ev)
	if err != nil {
		t.Fatal(err)
	}
	p := attest.Policy{Verifiers: []attest.Verifier{v.Verifier(attesttest.Options{}.Policy())}}
	if _, err := p.VerifyEvidence(t.Context(), b, [64]byte{1}); !errors.Is(err, attest.ErrPolicy) {
		t.Fatalf("got %v", err)
	}
	p.InsecureAcceptSimulated = true
	if _, err := p.VerifyEvidence(t.Context(), b, [64]byte{1}); err != nil {
		t.Fatalf("the twin: %v", err)
	}
}
