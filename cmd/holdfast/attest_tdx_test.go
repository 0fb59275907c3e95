package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/attest/tdx"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A quote that Intel's hardware made for others, with Intel's collateral of that month: the command's verdict is the library's.
func TestAttestQuoteOfOthers(t *testing.T) {
	path := testkit.Vectors(t, "attest", "dcap-qvl", "tdx-v4", "quote.bin")
	collateral := testkit.Vectors(t, "attest", "dcap-qvl", "tdx-v4", "collateral.json")
	quote, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	q, err := tdx.ParseQuote(quote)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(policy string, args ...string) verdict {
		t.Helper()
		file := filepath.Join(t.TempDir(), "policy.json")
		if err := os.WriteFile(file, []byte(`{"version":1,"machines":{"tdx":{`+policy+`}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		return attestVerify(t, append([]string{"quote", "--policy", file}, args...)...)
	}
	td := fmt.Sprintf(`"measurements":[{"mrtd":"%x","rtmr0":"%x","rtmr1":"%x","rtmr2":"%x","rtmr3":"%x"}]`, q.MRTD, q.RTMR[0], q.RTMR[1], q.RTMR[2], q.RTMR[3])
	intel := fmt.Sprintf(`,"collateral":[%q]`, collateral)
	data, then := "--report-data="+hex.EncodeToString(q.ReportData[:]), "--insecure-as-of=2025-07-01T00:00:00Z"
	measured := q.Measurement()
	if v := verify(td+intel+`,"min_evaluation":17`, data, then, path); v.code != 0 || len(v.failing) != 0 || v.Kind != "tdx" || v.Product != "TDX b0c06f000000" || v.Measurement != hex.EncodeToString(measured[:]) {
		t.Errorf("%+v", v)
	}
	for name, c := range map[string]struct {
		policy string
		args   []string
		code   int
		failed string
	}{
		"now":              {td + intel, []string{data, path}, 1, "tdx.collateral"},
		"judged anew":      {td + intel + `,"min_evaluation":18`, []string{data, then, path}, 1, "tdx.evaluation"},
		"another kernel":   {fmt.Sprintf(`"measurements":[{"mrtd":"%x","rtmr1":"%x"}]`, q.MRTD, q.MRTD) + intel, []string{data, then, path}, 1, "tdx.measurement"},
		"another machine":  {td + intel + `,"ppids":["` + strings.Repeat("00", 16) + `"]`, []string{data, then, path}, 1, "tdx.ppid"},
		"other data":       {td + intel, []string{"--report-data=" + strings.Repeat("00", 64), then, path}, 1, ""},
		"any data":         {td + intel, []string{"--insecure-any-report-data", then, path}, 0, ""},
		"no quote":         {td + intel, []string{data, then, collateral}, 1, ""},
		"firmware alone":   {fmt.Sprintf(`"measurements":[{"mrtd":"%x"}]`, q.MRTD) + intel, []string{data, then, path}, 2, ""},
		"and said so":      {fmt.Sprintf(`"insecure_any_kernel":true,"measurements":[{"mrtd":"%x"}]`, q.MRTD) + intel, []string{data, then, path}, 0, ""},
		"no collateral":    {td, []string{data, then, path}, 2, ""},
		"no measurement":   {intel[1:], []string{data, then, path}, 2, ""},
		"a quote as that":  {td + fmt.Sprintf(`,"collateral":[%q]`, path), []string{data, then, path}, 2, ""},
		"absent":           {td + `,"collateral":["absent"]`, []string{data, then, path}, 2, ""},
		"revoked accepted": {td + intel + `,"accept_statuses":["Revoked"]`, []string{data, then, path}, 2, ""},
		"status unknown":   {td + intel + `,"accept_statuses":["outofdate"]`, []string{data, then, path}, 2, ""},
		"short register":   {strings.Replace(td, `"rtmr3":"`, `"rtmr3":"00`, 1) + intel, []string{data, then, path}, 2, ""},
		"short pin":        {td + intel + `,"ppids":["00"]`, []string{data, then, path}, 2, ""},
		"short owner":      {td + intel + `,"owner":"00"`, []string{data, then, path}, 2, ""},
	} {
		if v := verify(c.policy, c.args...); v.code != c.code || strings.Join(v.failing, " ") != c.failed {
			t.Errorf("%s: %d %v: %v", name, v.code, v.failing, v.Error)
		}
	}
	// What the policy gives up is said.
	v := verify(td+intel+`,"insecure_any_kernel":true,"insecure_allow_injection":true,"insecure_allow_migration":true`, data, then, path)
	if len(v.Insecure) != 4 || !slices.ContainsFunc(v.Insecure, func(s string) bool { return strings.Contains(s, "kernel") }) {
		t.Errorf("insecure: %q", v.Insecure)
	}
}

// Machines of both kinds, of one alone, and a field of SEV-SNP that would be passed over.
func TestMachinesOfBothKinds(t *testing.T) {
	m := strings.Repeat("ab", 48)
	tdx := fmt.Sprintf(`"tdx":{"measurements":[{"mrtd":"%s","rtmr1":"%s"}],"collateral":[%q]}`, m, m, testkit.Vectors(t, "attest", "dcap-qvl", "tdx-v4", "collateral.json"))
	snp := `"products":["Genoa"],"measurements":["` + m + `"]`
	for text, want := range map[string]int{tdx: 1, snp: 1, snp + "," + tdx: 2, `"vmpl":1,` + tdx: 0, `"chip_ids":[],` + tdx: 0, `"insecure_simulated_roots":["` + m[:64] + `"],` + tdx: 0} {
		p, err := parseKeyPolicy([]byte(`{"version":1,"machines":{` + text + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Machines.policy()
		if (err == nil) != (want > 0) || len(out.Verifiers) != want {
			t.Errorf("%s: %d verifiers, %v", text, len(out.Verifiers), err)
		}
	}
}
