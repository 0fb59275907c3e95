package snp

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

var during2025 = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
var during2026 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// vector reads a file. Of a .json file, the Azure evidence, "path#report" and "path#vcek" are the parts.
func vector(t testing.TB, path string) []byte {
	t.Helper()
	if path, part, ok := strings.Cut(path, "#"); ok {
		return azurePart(t, vector(t, path), part)
	}
	b, err := os.ReadFile(testkit.Vectors(t, append([]string{"attest"}, strings.Split(path, "/")...)...))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.HasSuffix(path, ".pem"):
		p, _ := pem.Decode(b)
		if p == nil {
			t.Fatalf("%s: no PEM", path)
		}
		return p.Bytes
	case strings.HasSuffix(path, ".b64"):
		if b, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(b))); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return b
}

func evidence(t testing.TB, report []byte, leaf, ask, ark string) attest.Evidence {
	t.Helper()
	return attest.Evidence{Kind: attest.KindSNP, Report: report, Certs: [][]byte{vector(t, leaf), vector(t, "roots/amd/"+ask+".pem"), vector(t, "roots/amd/"+ark+".pem")}}
}

// real are the genuine pairs of report and certificate, with what SOURCES.md says of them.
var real = []struct {
	name, report, leaf, ask, ark string
	off                          int // of the report in the file
	at                           time.Time
	product                      Product
	signer                       Signer
	tcb                          TCB
	strict                       string // checks that fail under a strict policy with standard floors
}{
	{"go-sev-guest milan v2", "go-sev-guest/milan-v2/report.bin", "go-sev-guest/milan-v2/vcek.der", "milan_ask", "milan_ark", 0, during2026, Milan, VCEK,
		TCB{0, 2, 0, 5, 0x44}, "snp.tcb.reported snp.tcb.committed snp.tcb.launch snp.debug snp.alias_check"},
	{"virtee milan v2", "virtee-sev/milan-v2/report.bin", "virtee-sev/milan-v2/vcek.der", "milan_ask", "milan_ark", 0, during2026, Milan, VCEK,
		TCB{0, 3, 0, 8, 0x73}, "snp.tcb.reported snp.tcb.committed snp.tcb.launch snp.alias_check"},
	{"trustee milan v2", "trustee/milan-v2/report.bin", "trustee/milan-v2/vcek.der", "milan_ask", "milan_ark", 0, during2026, Milan, VCEK,
		TCB{0, 3, 0, 8, 0x73}, "snp.tcb.reported snp.tcb.committed snp.tcb.launch snp.alias_check"},
	{"azure milan v2", "constellation/azure-milan-v2/report.bin", "constellation/azure-milan-v2/vcek.der", "milan_ask", "milan_ark", 0, during2026, Milan, VCEK,
		TCB{0, 2, 0, 6, 0x5d}, "snp.tcb.reported snp.tcb.committed snp.tcb.launch snp.alias_check"},
	{"aws milan v3 VLEK", "trustee/milan-v3-vlek-aws/report.bin", "trustee/milan-v3-vlek-aws/vlek.der", "milan_asvk", "milan_ark", 0, during2025, Milan, VLEK,
		TCB{0, 4, 0, 0x18, 0xd9}, "snp.tcb.reported snp.vmpl snp.csp"},
	{"aws milan v3 VLEK, eu", "constellation/aws-milan-v3/report.b64", "constellation/aws-milan-v3/vlek.pem", "milan_asvk", "milan_ark", 0, during2025, Milan, VLEK,
		TCB{0, 4, 0, 0x18, 0xd9}, "snp.tcb.reported snp.csp"},
	{"azure milan v2 HCL", "trustee/azure-milan/hcl-report.bin", "trustee/azure-milan/vcek-chain.pem", "milan_ask", "milan_ark", 0x20, during2026, Milan, VCEK,
		TCB{0, 3, 0, 8, 0x73}, "snp.tcb.reported snp.tcb.committed snp.tcb.launch snp.alias_check"},
	{"azure genoa v3", "openpcc/azure-genoa-v3/hcl-report.bin", "openpcc/azure-genoa-v3/vcek.der", "genoa_ask", "genoa_ark", 0x20, during2026, Genoa, VCEK,
		TCB{0, 0xa, 0, 0x17, 0x54}, ""},
	{"azure milan v3", "trustee/azure-milan/evidence-v0.json#report", "trustee/azure-milan/evidence-v0.json#vcek", "milan_ask", "milan_ark", 0x20, during2026, Milan, VCEK,
		TCB{0, 4, 0, 0x18, 0xdb}, ""},
	{"azure milan v3, again", "trustee/azure-milan/evidence-v1.json#report", "trustee/azure-milan/evidence-v1.json#vcek", "milan_ask", "milan_ark", 0x20, during2026, Milan, VCEK,
		TCB{0, 4, 0, 0x18, 0xdb}, ""},
	{"azure milan v3, another machine", "trustee/azure-milan/evidence-v2.json#report", "trustee/azure-milan/evidence-v2.json#vcek", "milan_ask", "milan_ark", 0x20, during2026, Milan, VCEK,
		TCB{0, 4, 0, 0x18, 0xdb}, ""},
	{"azure genoa v3, another machine", "trustee/azure-genoa/evidence-genoa.json#report", "trustee/azure-genoa/vcek-genoa.pem", "genoa_ask", "genoa_ark", 0x20, during2026, Genoa, VCEK,
		TCB{0, 0xa, 0, 0x17, 0x54}, ""},
	{"turin v5", "tee-attestation-verification/turin-v5/report.bin", "tee-attestation-verification/turin-v5/vcek.pem", "turin_ask", "turin_ark", 0, during2026, Turin, VCEK,
		TCB{1, 1, 1, 4, 0x51}, "snp.tcb.reported snp.tcb.committed snp.tcb.launch"},
}

func failing(err error) string {
	r, ok := errors.AsType[*attest.Refused](err)
	if !ok {
		return ""
	}
	var out []string
	for _, c := range r.Checks {
		if c.Status == attest.Fail {
			out = append(out, c.Code)
		}
	}
	return strings.Join(out, " ")
}

func TestRealReports(t *testing.T) {
	for _, v := range real {
		t.Run(v.name, func(t *testing.T) {
			report := vector(t, v.report)[v.off:][:ReportSize]
			ev := evidence(t, report, v.leaf, v.ask, v.ark)
			r, s, err := authenticate(ev, AMDRoots(), v.at)
			if err != nil {
				t.Fatal(err)
			}
			if s.product != v.product || r.Signer != v.signer || v.product.TCB(r.ReportedTCB) != v.tcb || v.product.Raw(v.tcb) != r.ReportedTCB {
				t.Errorf("%v %v %v", s.product, r.Signer, v.product.TCB(r.ReportedTCB))
			}
			if v.signer == VLEK && !strings.HasSuffix(s.csp, ".amazonaws.com") {
				t.Errorf("CSP_ID %q", s.csp)
			}
			strict := &Verifier{Policy: Policy{Products: []Product{Milan, Genoa, Turin}, Measurements: [][48]byte{r.Measurement}, MinTCB: Floors()}, Clock: func() time.Time { return v.at }}
			_, err = strict.Verify(t.Context(), ev, r.ReportData)
			if failing(err) != v.strict || (err == nil) != (v.strict == "") {
				t.Errorf("strict policy: %v, want %q", err, v.strict)
			}
			// Twenty years from now, no certificate holds.
			if _, _, err := authenticate(ev, AMDRoots(), v.at.AddDate(20, 0, 0)); !errors.Is(err, attest.ErrSignature) {
				t.Errorf("expired: %v", err)
			}
			// Trailing bytes are not part of a report.
			ev.Report = append(bytes.Clone(report), 0)
			if _, _, err := authenticate(ev, AMDRoots(), v.at); !errors.Is(err, attest.ErrFormat) {
				t.Errorf("trailing byte: %v", err)
			}
		})
	}
}

func TestRealReportsWithoutPublishedKey(t *testing.T) {
	if r, err := ParseReport(vector(t, "openpcc/gcp-milan-v4/report.bin")); err != nil || r.Version != 4 || productOf(r.Family, r.Model) != Milan {
		t.Errorf("gcp: %v", err)
	}
	b := vector(t, "cocos/milan-v2/report-and-certtable.bin")
	if r, err := ParseReport(b[:ReportSize]); err != nil || r.VMPL != 2 {
		t.Errorf("cocos: %v", err)
	}
	if certs, err := ParseCertTable(b[ReportSize:]); err != nil || len(certs) != 0 {
		t.Errorf("certificate table of cocos: %d, %v", len(certs), err)
	}
}

// Every report with every other pair's certificates is refused, and the made-up certificates with all.
func TestMismatchedCertificates(t *testing.T) {
	n := 0
	for _, v := range real {
		report := vector(t, v.report)[v.off:][:ReportSize]
		refused := func(leaf, ask, ark string) {
			n++
			for _, at := range []time.Time{v.at, during2025, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)} {
				if _, _, err := authenticate(evidence(t, report, leaf, ask, ark), AMDRoots(), at); !errors.Is(err, attest.ErrSignature) {
					t.Errorf("%s with %s under %s: %v", v.name, leaf, ask, err)
				}
			}
		}
		for _, o := range real {
			if !bytes.Equal(vector(t, o.leaf), vector(t, v.leaf)) { // two recordings are of one machine
				refused(o.leaf, o.ask, o.ark)
			}
		}
		for _, leaf := range []string{"trustee/milan-v2/vcek-invalid-legacy.der", "trustee/milan-v2/vcek-invalid-new.der", "virtee-sev/turin-vcek-only/vcek.der"} {
			refused(leaf, "milan_ask", "milan_ark")
		}
		refused("constellation/vlek-mismatched/vlek.pem", "milan_asvk", "milan_ark")
		swap := map[string]string{"milan_ask": "milan_asvk", "milan_asvk": "milan_ask", "genoa_ask": "genoa_asvk", "turin_ask": "turin_asvk"}
		refused(v.leaf, swap[v.ask], v.ark)
		refused(v.leaf, v.ask, map[string]string{"milan_ark": "genoa_ark", "genoa_ark": "turin_ark", "turin_ark": "milan_ark"}[v.ark])
		refused(v.leaf, v.ark, v.ark)
		refused(v.leaf, v.ask, v.ask)
	}
	t.Logf("%d mismatched pairs refused", n)
	// The chain of the VCEK without a report is valid.
	ev := evidence(t, nil, "virtee-sev/turin-vcek-only/vcek.der", "turin_ask", "turin_ark")
	if s, err := verifyChain(ev.Certs, AMDRoots(), during2026); err != nil || s.product != Turin || s.tcb != (TCB{Microcode: 9}) {
		t.Errorf("turin VCEK: %+v, %v", s, err)
	}
	// Bytes behind a certificate are refused, and said.
	ev.Certs[0] = append(ev.Certs[0], "\r\n"...)
	if _, err := verifyChain(ev.Certs, AMDRoots(), during2026); !errors.Is(err, attest.ErrFormat) || !strings.Contains(err.Error(), "trailing") {
		t.Errorf("trailing bytes behind a certificate: %v", err)
	}
	if !bytes.Equal(vector(t, "go-sev-guest/turin-vlek-quirk/ask_ark_turin_vlek.pem"), vector(t, "roots/amd/turin_asvk.pem")) {
		t.Error("the genuine certificate in a file with an odd end reads differently")
	}
	if !bytes.Equal(vector(t, "tee-attestation-verification/turin-v5/ask.pem"), vector(t, "roots/amd/turin_ask.pem")) {
		t.Error("the ASK beside the report of Turin is not AMD's")
	}
}

// Each single-bit flip of the signed region of a real report is refused, and every eighth of the rest; in -short, every 16th.
func TestBitFlips(t *testing.T) {
	v := real[7]
	report := vector(t, v.report)[v.off:][:ReportSize]
	ev := evidence(t, bytes.Clone(report), v.leaf, v.ask, v.ark)
	s, err := verifyChain(ev.Certs, AMDRoots(), v.at)
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 16
	}
	n := 0
	for i := 0; i < ReportSize*8; i += step {
		ev.Report[i/8] ^= 1 << (i % 8)
		r, err := ParseReport(ev.Report)
		if err == nil {
			err = s.signed(r)
		}
		if err == nil {
			t.Errorf("bit %d may be flipped", i)
		}
		ev.Report[i/8] ^= 1 << (i % 8)
		n++
		if i >= SignedSize*8 {
			i += 7
		}
	}
	t.Logf("%d flips refused", n)
	if r, err := ParseReport(ev.Report); err != nil || s.signed(r) != nil {
		t.Fatal("the untouched report")
	}
}

// A root certificate that carries a pinned key and was altered elsewhere, or a root of one's own, is none.
func TestForgedRoots(t *testing.T) {
	v := real[7]
	ev := evidence(t, vector(t, v.report)[v.off:][:ReportSize], v.leaf, v.ask, v.ark)
	ark := bytes.Clone(ev.Certs[2])
	at := bytes.Index(ark, []byte("ARK-Genoa"))
	ark[at+4] = 'M'
	ev.Certs[2] = ark
	if _, _, err := authenticate(ev, AMDRoots(), v.at); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("altered root: %v", err)
	}
	ev = evidence(t, ev.Report, v.leaf, v.ask, v.ark)
	if _, _, err := authenticate(ev, nil, v.at); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("no roots: %v", err)
	}
	ev.Certs = append(ev.Certs, ev.Certs[2])
	if _, _, err := authenticate(ev, AMDRoots(), v.at); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("extra certificate: %v", err)
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add(make([]byte, ReportSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReport(b)
		if err != nil && !errors.Is(err, attest.ErrFormat) || err == nil && !bytes.Equal(r.raw[:], b) {
			t.Fatal(err)
		}
	})
}

func FuzzParseCertTable(f *testing.F) {
	f.Add(make([]byte, tableEntry))
	f.Fuzz(func(t *testing.T, b []byte) {
		certs, err := ParseCertTable(b)
		if err != nil && !errors.Is(err, attest.ErrFormat) || len(certs) > 3 {
			t.Fatal(err)
		}
	})
}

// No bit of a chain's certificates can be another: each is signed, or is the signature, or would be another reading of the same certificate.
func TestCertificateBitFlips(t *testing.T) {
	v := real[7]
	ev := evidence(t, vector(t, v.report)[v.off:][:ReportSize], v.leaf, v.ask, v.ark)
	step := 11 // no divisor of 8: all bits of a byte have their turn
	if testing.Short() {
		step = 101
	}
	n := 0
	for c, cert := range ev.Certs {
		for i := 0; i < len(cert)*8; i += step {
			cert[i/8] ^= 1 << (i % 8)
			if _, _, err := authenticate(ev, AMDRoots(), v.at); !errors.Is(err, attest.ErrSignature) && !errors.Is(err, attest.ErrFormat) {
				t.Errorf("certificate %d, bit %d: %v", c, i, err)
			}
			cert[i/8] ^= 1 << (i % 8)
			n++
		}
	}
	if _, _, err := authenticate(ev, AMDRoots(), v.at); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d flips refused", n)
}
