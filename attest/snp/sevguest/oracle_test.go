//go:build unix || windows

package sevguest

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-sev-guest/abi"
	pb "github.com/google/go-sev-guest/proto/sevsnp"
	"github.com/google/go-sev-guest/verify"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/snp"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

var now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func vector(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(testkit.Vectors(t, append([]string{"attest"}, strings.Split(path, "/")...)...))
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := pem.Decode(b); p != nil {
		return p.Bytes
	}
	return b
}

// theirs is go-sev-guest's verdict, offline and under the roots that it embeds.
func theirs(report []byte, certs [][]byte, line string) error {
	p, err := abi.ReportToProto(report)
	if err != nil {
		return err
	}
	name := map[string]pb.SevProduct_SevProductName{"milan": pb.SevProduct_SEV_PRODUCT_MILAN, "genoa": pb.SevProduct_SEV_PRODUCT_GENOA}[line]
	product := &pb.SevProduct{Name: name}
	att := &pb.Attestation{Report: p, Product: product, CertificateChain: &pb.CertificateChain{VcekCert: certs[0], AskCert: certs[1], ArkCert: certs[2]}}
	return verify.SnpAttestation(att, &verify.Options{DisableCertFetching: true, Now: now, Product: product})
}

// ours is the verdict on genuineness alone: every check of the policy that can be skipped is.
func ours(t *testing.T, report []byte, certs [][]byte) error {
	v := &snp.Verifier{Clock: func() time.Time { return now }, Policy: snp.Policy{
		Products: []snp.Product{snp.Milan, snp.Genoa}, InsecureSkipMeasurement: true, InsecureSkipTCB: true, InsecureAllowDebug: true,
		InsecureAllowMigration: true, InsecureAllowUncheckedAliases: true, InsecureAllowUnknownPolicyBits: true,
	}}
	_, err := v.Verify(t.Context(), attest.Evidence{Kind: attest.KindSNP, Report: report, Certs: certs}, [64]byte(report[0x50:]))
	return err
}

// Both verifiers agree on real VCEK reports of Milan and Genoa, on flipped bits, and on certificates of other chips. VLEK
// and Turin are left out: go-sev-guest v0.15.0 refuses genuine ones.
func TestAgreesWithGoSevGuest(t *testing.T) {
	pairs := []struct {
		report, leaf, line string
		off                int
	}{
		{"go-sev-guest/milan-v2/report.bin", "go-sev-guest/milan-v2/vcek.der", "milan", 0},
		{"virtee-sev/milan-v2/report.bin", "virtee-sev/milan-v2/vcek.der", "milan", 0},
		{"trustee/milan-v2/report.bin", "trustee/milan-v2/vcek.der", "milan", 0},
		{"constellation/azure-milan-v2/report.bin", "constellation/azure-milan-v2/vcek.der", "milan", 0},
		{"openpcc/azure-genoa-v3/hcl-report.bin", "openpcc/azure-genoa-v3/vcek.der", "genoa", 0x20},
	}
	agree := func(what string, report []byte, certs [][]byte, line string, want bool) {
		a, b := ours(t, report, certs), theirs(report, certs, line)
		if (a == nil) != want || (b == nil) != want {
			t.Errorf("%s: ours %v, theirs %v, want accepted %v", what, a, b, want)
		}
	}
	for _, p := range pairs {
		report := bytes.Clone(vector(t, p.report)[p.off:][:snp.ReportSize])
		certs := [][]byte{vector(t, p.leaf), vector(t, "roots/amd/"+p.line+"_ask.pem"), vector(t, "roots/amd/"+p.line+"_ark.pem")}
		agree(p.report, report, certs, p.line, true)
		step := 997
		if testing.Short() {
			step = 4001
		}
		for bit := 7; bit < snp.SignedSize*8; bit += step {
			report[bit/8] ^= 1 << (bit % 8)
			agree(p.report+" flipped", report, certs, p.line, false)
			report[bit/8] ^= 1 << (bit % 8)
		}
		for _, o := range pairs {
			if o.leaf != p.leaf {
				agree(p.report+" with "+o.leaf, report, [][]byte{vector(t, o.leaf), certs[1], certs[2]}, p.line, false)
			}
		}
		for _, leaf := range []string{"trustee/milan-v2/vcek-invalid-legacy.der", "trustee/milan-v2/vcek-invalid-new.der"} {
			agree(p.report+" with "+leaf, report, [][]byte{vector(t, leaf), certs[1], certs[2]}, p.line, false)
		}
	}
}

type provider struct {
	raw []byte
	err error
}

func (p provider) GetRawQuote([64]byte) ([]uint8, error) { return p.raw, p.err }

func TestDevice(t *testing.T) {
	report := make([]byte, snp.ReportSize)
	report[0], report[10], report[0x34], report[0x50] = 2, 2, 1, 5
	for name, c := range map[string]struct {
		p    provider
		want error
	}{
		"accepted":     {provider{raw: report}, nil},
		"empty table":  {provider{raw: append(bytes.Clone(report), make([]byte, 24)...)}, nil},
		"broken table": {provider{raw: append(bytes.Clone(report), 1)}, attest.ErrFormat},
		"short":        {provider{raw: report[:10]}, attest.ErrFormat},
		"other data":   {provider{raw: make([]byte, snp.ReportSize)}, attest.ErrFormat},
		"fault":        {provider{err: errors.New("fault")}, attest.ErrUnavailable},
	} {
		if _, err := (&Device{Provider: c.p}).Evidence(t.Context(), [64]byte{5}); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
