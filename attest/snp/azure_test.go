package snp

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
)

// Azure hands out the report inside a larger one:
//
//	header[32] || report || size || version || kind || hash || uint32le length || runtime data
const (
	azureReport  = 0x20
	azureRuntime = azureReport + ReportSize + 20
)

// azurePart returns the Azure report or the VCEK of an evidence file, which is in one of two encodings: numbers and PEM, or
// base64url.
func azurePart(t testing.TB, file []byte, part string) []byte {
	t.Helper()
	var ev struct {
		Report    []uint16 // of bytes: a []byte would be base64
		HCLReport string   `json:"hcl_report"`
		VCEK      string
	}
	if err := json.Unmarshal(file, &ev); err != nil || (ev.Report == nil) == (ev.HCLReport == "") {
		t.Fatalf("Azure evidence: %v", err)
	}
	var out []byte
	var err error
	switch p, _ := pem.Decode([]byte(ev.VCEK)); {
	case part == "report" && ev.Report != nil:
		for _, v := range ev.Report {
			out = append(out, byte(v))
		}
	case part == "report":
		out, err = base64.URLEncoding.DecodeString(ev.HCLReport)
	case part == "vcek" && p != nil:
		out = p.Bytes
	case part == "vcek":
		out, err = base64.URLEncoding.DecodeString(ev.VCEK)
	default:
		t.Fatalf("Azure evidence has no %q", part)
	}
	if err != nil || len(out) == 0 {
		t.Fatalf("Azure evidence, %s: %v", part, err)
	}
	return out
}

// SHA-256 of the runtime data that comes with a report of Azure is the first half of REPORT_DATA, and the rest is zero: the
// bytes at azureReport are the report that was made for it.
func TestAzureRuntimeData(t *testing.T) {
	n := 0
	for _, v := range real {
		if v.off != azureReport {
			continue
		}
		n++
		b := vector(t, v.report)
		size := binary.LittleEndian.Uint32(b[azureRuntime-4:])
		runtime := b[azureRuntime:][:size]
		bound(t, v.name, b[azureReport:][:ReportSize], runtime)
		if !json.Valid(runtime) {
			t.Errorf("%s: runtime data is no JSON", v.name)
		}
	}
	if n != 6 {
		t.Errorf("%d reports of Azure, SOURCES.md has 6", n)
	}
	bound(t, "constellation", vector(t, "constellation/azure-milan-v2/report.bin")[:ReportSize], vector(t, "constellation/azure-milan-v2/runtimedata.bin"))
}

func bound(t *testing.T, name string, report, runtime []byte) {
	t.Helper()
	r, err := ParseReport(report)
	if err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(runtime); !bytes.Equal(r.ReportData[:32], want[:]) || !zero(r.ReportData[32:]) {
		t.Errorf("%s: REPORT_DATA is not that of the runtime data", name)
	}
}

// Both recordings of one machine are of one chip, and the third is of another; the VCEK that lies beside the evidence of
// Genoa is the one in it.
func TestAzureMachines(t *testing.T) {
	chip := func(file string) [64]byte {
		r, err := ParseReport(vector(t, file+"#report")[azureReport:][:ReportSize])
		if err != nil {
			t.Fatal(err)
		}
		return r.ChipID
	}
	const dir = "trustee/azure-milan/"
	if v0, v1, v2 := chip(dir+"evidence-v0.json"), chip(dir+"evidence-v1.json"), chip(dir+"evidence-v2.json"); v0 != v1 || v0 == v2 {
		t.Error("chips: v0 and v1 differ, or v0 and v2 are equal")
	}
	if !bytes.Equal(vector(t, "trustee/azure-genoa/evidence-genoa.json#vcek"), vector(t, "trustee/azure-genoa/vcek-genoa.pem")) {
		t.Error("the evidence of Genoa carries another VCEK")
	}
}

// others are the files of SOURCES.md, section 2, that are no report and no report key of the table, each with its place.
var others = map[string]string{
	"openpcc/gcp-milan-v4/report.bin":                      "TestRealReportsWithoutPublishedKey",
	"cocos/milan-v2/report-and-certtable.bin":              "TestRealReportsWithoutPublishedKey",
	"tee-attestation-verification/turin-v5/ask.pem":        "TestMismatchedCertificates",
	"trustee/milan-v2/vcek-invalid-legacy.der":             "TestMismatchedCertificates",
	"trustee/milan-v2/vcek-invalid-new.der":                "TestMismatchedCertificates",
	"constellation/vlek-mismatched/vlek.pem":               "TestMismatchedCertificates",
	"virtee-sev/turin-vcek-only/vcek.der":                  "TestMismatchedCertificates",
	"go-sev-guest/turin-vlek-quirk/ask_ark_turin_vlek.pem": "TestMismatchedCertificates",
	"constellation/azure-milan-v2/runtimedata.bin":         "TestAzureRuntimeData",
	"openpcc/crl/milan.crl":                                "TestRevocationLists",
	"openpcc/crl/genoa.crl":                                "TestRevocationLists",
	"trustee/azure-milan/tpm-quote-v1.json":                "unread: a TPM quote, which package snp does not judge",
	"trustee/azure-milan/tpm-quote.msg":                    "unread: a TPM quote, which package snp does not judge",
	"trustee/azure-milan/tpm-quote.sig":                    "unread: a TPM quote, which package snp does not judge",
	"openpcc/ak-certs/azure.der":                           "unread: the certificate of a TPM key",
	"openpcc/ak-certs/azure-nv-padded.bin":                 "unread: the certificate of a TPM key",
	"openpcc/ak-certs/gce-leaf.der":                        "unread: the certificate of a TPM key",
	"openpcc/ak-certs/gce-intermediate.der":                "unread: the certificate of a TPM key",
}

// Each file of SOURCES.md, section 2, has a test or a reason, and no file anywhere among the vectors holds a report of
// which the tables do not know.
func TestEveryReportIsJudged(t *testing.T) {
	known := map[string]bool{}
	for name := range others {
		known[name] = true
	}
	for _, v := range real {
		report, _, _ := strings.Cut(v.report, "#")
		leaf, _, _ := strings.Cut(v.leaf, "#")
		known[report], known[leaf] = true, true
	}
	folders := snpFolders(t)
	files := map[string]bool{}
	for line := range strings.Lines(string(vector(t, "FILES.tsv"))) {
		file, rest, _ := strings.Cut(line, "\t")
		if len(rest) < 64 || strings.HasPrefix(line, "#") {
			continue // a heading
		}
		files[file] = true
		dir := file[:strings.LastIndexByte(file, '/')]
		if _, snp := folders[dir]; snp {
			folders[dir]++
			if !known[file] {
				t.Errorf("%s has no test and no reason", file)
			}
		}
		if holdsReport(t, file) && !known[file] {
			t.Errorf("%s holds a report of which no table knows", file)
		}
	}
	for dir, n := range folders {
		if n == 0 {
			t.Errorf("SOURCES.md names %s, FILES.tsv has nothing in it", dir)
		}
	}
	for file := range known {
		if !files[file] {
			t.Errorf("%s is not in FILES.tsv", file)
		}
	}
	t.Logf("%d of %d files are of SNP", len(known), len(files))
}

// snpFolders reads the first column of the tables of section 2.
func snpFolders(t testing.TB) map[string]int {
	t.Helper()
	_, s, ok := strings.Cut(string(vector(t, "SOURCES.md")), "\n## 2. SEV-SNP")
	s, _, end := strings.Cut(s, "\n## 3. ")
	folders := map[string]int{}
	for line := range strings.Lines(s) {
		cells := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("| ,", r) })
		if strings.HasPrefix(line, "| ") && strings.Contains(cells[0], "/") {
			dir := cells[0]
			if i := strings.LastIndexByte(dir, '/'); strings.Contains(dir[i:], ".") {
				dir = dir[:i]
			}
			folders[dir] = 0
		}
	}
	if !ok || !end || len(folders) < 15 {
		t.Fatalf("section 2 of SOURCES.md names %d folders", len(folders))
	}
	return folders
}

func holdsReport(t testing.TB, file string) bool {
	t.Helper()
	if strings.HasSuffix(file, ".json") {
		var azure struct {
			VCEK string
		}
		return json.Unmarshal(vector(t, file), &azure) == nil && azure.VCEK != ""
	}
	if strings.HasSuffix(file, ".pem") {
		return false
	}
	b := vector(t, file)
	for _, off := range []int{0, azureReport} {
		if len(b) >= off+ReportSize {
			if _, err := ParseReport(b[off:][:ReportSize]); err == nil {
				return true
			}
		}
	}
	return false
}
