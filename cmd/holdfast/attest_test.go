package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// attestation DIR writes what a simulated machine says of itself: evidence.json over the REPORT_DATA aa…aa, document.json of a server
// with the model tiny version 7, fresh.json over the challenge cc…cc, and policies: machines.json, policy.json, and amd.json for AMD's
// machines alone.
func (g *guests) attestation(ts *testscript.TestScript, _ bool, args []string) {
	g.make(ts)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	write := func(name string, data []byte) { ts.Check(os.WriteFile(filepath.Join(dir, name), data, 0o644)) }
	ctx := context.Background()
	evidence, err := attest.Quote(ctx, g.device, [64]byte([]byte(strings.Repeat("\xaa", 64))))
	ts.Check(err)
	write("evidence.json", evidence)
	key, err := attest.NewIdentity()
	ts.Check(err)
	digest := func(b byte) (d attest.Digest) {
		for i := range d {
			d[i] = b
		}
		return d
	}
	chain, err := attest.NewChain(ctx, attest.ChainConfig{Device: g.device, Identity: key, Claims: attest.Claims{
		Config: digest(1), Models: []attest.Model{{ModelID: digest(2), Name: "tiny", Version: 7, Loaded: digest(3)}},
	}})
	ts.Check(err)
	write("document.json", chain.Document())
	fresh, err := chain.Fresh(ctx, digest(0xcc))
	ts.Check(err)
	write("fresh.json", fresh)
	root := g.vendor.Verifier(g.o.Policy()).InsecureRoots[0].SPKI
	machines := fmt.Sprintf(`"version": 1, "machines": {"products": ["Genoa"], "measurements": ["%x"]`, g.o.Measurement)
	simulated := fmt.Sprintf(`, "insecure_simulated_roots": ["%x"]}`, root)
	write("machines.json", []byte("{"+machines+simulated+"}"))
	write("amd.json", []byte("{"+machines+"}}"))
	write("policy.json", []byte("{"+machines+simulated+fmt.Sprintf(`, "configs": [%q], "models": [{"name": "tiny", "min_version": 7}]}`, digest(1).String())))
}

// A verdict is what `attest verify` says in JSON.
type verdict struct {
	code    int
	failing []string // codes of the checks that failed

	Verified                          bool
	Checks                            []attest.Check
	Kind, Product, Measurement, Error string
	Insecure                          []string
}

// attestVerify runs the command and reads its verdict.
func attestVerify(t *testing.T, args ...string) (v verdict) {
	t.Helper()
	code, stdout, stderr := ran(t.Context(), t, append([]string{"--json", "attest", "verify"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	v.code = code
	for _, c := range v.Checks {
		if c.Status == attest.Fail {
			v.failing = append(v.failing, c.Code)
		}
	}
	if v.Verified != (v.code == 0) {
		t.Errorf("verified is %v and the exit code %d", v.Verified, v.code)
	}
	return v
}

// The command's verdict on reports that AMD's machines made for others is that of the library.
func TestAttestReportsOfOthers(t *testing.T) {
	vector := func(t *testing.T, path string) string {
		t.Helper()
		return testkit.Vectors(t, append([]string{"attest"}, strings.Split(path, "/")...)...)
	}
	for _, c := range []struct {
		name, report, leaf, product, extra string
		off                                int
		failing                            string // checks of the policy
	}{
		{"azure genoa", "openpcc/azure-genoa-v3/hcl-report.bin", "openpcc/azure-genoa-v3/vcek.der", "Genoa", "", 0x20, ""},
		{"turin", "tee-attestation-verification/turin-v5/report.bin", "tee-attestation-verification/turin-v5/vcek.pem", "Turin",
			`, "min_mitigations": {"Turin": 63}, "min_tcb": {"Turin": {"fmc": 1, "bootloader": 1, "tee": 1, "snp": 4, "microcode": 81}}`, 0, ""},
		{"turin, more mitigations", "tee-attestation-verification/turin-v5/report.bin", "tee-attestation-verification/turin-v5/vcek.pem", "Turin",
			`, "min_mitigations": {"Turin": 64}, "min_tcb": {"Turin": {"fmc": 1, "bootloader": 1, "tee": 1, "snp": 4, "microcode": 81}}`, 0, "snp.mitigations"},
		{"turin, higher floor", "tee-attestation-verification/turin-v5/report.bin", "tee-attestation-verification/turin-v5/vcek.pem", "Turin",
			`, "min_tcb": {"Turin": {"fmc": 1, "bootloader": 1, "tee": 1, "snp": 4, "microcode": 82}}`, 0, "snp.tcb.reported snp.tcb.committed snp.tcb.launch"},
		{"milan with debug", "go-sev-guest/milan-v2/report.bin", "go-sev-guest/milan-v2/vcek.der", "Milan", "", 0,
			"snp.tcb.reported snp.tcb.committed snp.tcb.launch snp.debug snp.alias_check"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, err := os.ReadFile(vector(t, c.report))
			if err != nil {
				t.Fatal(err)
			}
			report, dir := all[c.off:][:1184], t.TempDir()
			write := func(name string, data []byte) string {
				t.Helper()
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			lower := strings.ToLower(c.product)
			verify := func(report []byte, policy, reportData, ark string) (int, []string, string) {
				t.Helper()
				v := attestVerify(t, "report", "--policy", write("policy", []byte(policy)), "--report-data", reportData,
					"--certificate", vector(t, c.leaf), "--certificate", vector(t, "roots/amd/"+lower+"_ask.pem"), "--certificate", vector(t, "roots/amd/"+ark+"_ark.pem"),
					write("report", report))
				return v.code, v.failing, v.Error
			}
			measurement, data := hex.EncodeToString(report[0x90:][:48]), hex.EncodeToString(report[0x50:][:64])
			policy := fmt.Sprintf(`{"version": 1, "machines": {"products": [%q], "measurements": [%q]%s}}`, c.product, measurement, c.extra)
			code, failing, text := verify(report, policy, data, lower)
			if got := strings.Join(failing, " "); got != c.failing || code != map[bool]int{true: 0, false: 1}[c.failing == ""] {
				t.Errorf("exit code %d, failing %q, want %q: %s", code, got, c.failing, text)
			}
			// One change each.
			flipped := slices.Clone(report)
			flipped[0x90] ^= 1
			if code, _, text := verify(flipped, policy, data, lower); code != 1 || !strings.Contains(text, "signature does not verify") {
				t.Errorf("flipped bit: %d, %s", code, text)
			}
			other := map[string]string{"milan": "genoa", "genoa": "turin", "turin": "milan"}[lower]
			if code, _, text := verify(report, policy, data, other); code != 1 || !strings.Contains(text, "signature does not verify") {
				t.Errorf("other root: %d, %s", code, text)
			}
			if code, _, text := verify(report, policy, strings.Repeat("11", 64), lower); code != 1 || !strings.Contains(text, "about something else") {
				t.Errorf("other REPORT_DATA: %d, %s", code, text)
			}
			if code, _, text := verify(append(slices.Clone(report), 0), policy, data, lower); code != 1 || !strings.Contains(text, "malformed") {
				t.Errorf("longer report: %d, %s", code, text)
			}
			if _, failing, _ := verify(report, strings.Replace(policy, measurement[:2], "ff", 1), data, lower); !slices.Contains(failing, "snp.measurement") && measurement[:2] != "ff" {
				t.Errorf("other measurement: %v", failing)
			}
		})
	}
}

// A model_id that is written and says nothing does not accept every model of the name.
func TestRelyingPolicyWithoutModelID(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for models, ok := range map[string]bool{
		`{"name": "tiny"}`: true, `{"model_id": "1` + zeros[1:] + `"}`: true, `{"name": "tiny", "model_id": null}`: true,
		`{"name": "tiny", "model_id": "` + zeros + `"}`: false, `{"model_id": "` + zeros + `"}`: false, `{"min_version": 7}`: false,
	} {
		_, _, err := parseRelyingPolicy([]byte(`{"version": 1, "machines": {"products": ["Genoa"], "measurements": ["`+strings.Repeat("1", 96)+`"]}, "models": [`+models+`]}`), true)
		if (err == nil) != ok || !ok && exitCode(err) != exitUsage {
			t.Errorf("%s: %v", models, err)
		}
	}
}
