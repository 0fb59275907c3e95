package tdx

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// What Intel says of processor, module and quoting enclave comes to one status.
func TestStatusOfTheParts(t *testing.T) {
	for name, c := range map[string]struct {
		svn, pce int // of the processor
		module   [2]byte
		enclave  byte
		want     TCBStatus
	}{
		"all new":                        {5, 11, [2]byte{3, 1}, 4, UpToDate},
		"newer than Intel knows":         {9, 12, [2]byte{9, 1}, 9, UpToDate},
		"processor needs software":       {4, 11, [2]byte{3, 1}, 4, SWHardeningNeeded},
		"processor is configured":        {3, 11, [2]byte{3, 1}, 4, ConfigurationNeeded},
		"processor is old":               {2, 11, [2]byte{3, 1}, 4, OutOfDate},
		"processor is revoked":           {1, 11, [2]byte{3, 1}, 4, Revoked},
		"below all levels":               {0, 11, [2]byte{3, 1}, 4, ""},
		"PCE below all levels":           {5, 10, [2]byte{3, 1}, 4, ""},
		"module is old":                  {5, 11, [2]byte{2, 1}, 4, OutOfDate},
		"module is below all":            {5, 11, [2]byte{1, 1}, 4, ""},
		"module of a line unknown":       {5, 11, [2]byte{9, 2}, 4, ""},
		"module 1.0":                     {5, 11, [2]byte{0, 0}, 4, UpToDate},
		"enclave is old":                 {5, 11, [2]byte{3, 1}, 3, OutOfDate},
		"enclave is below all":           {5, 11, [2]byte{3, 1}, 2, ""},
		"configured, module old":         {3, 11, [2]byte{2, 1}, 4, OutOfDateConfigurationNeeded},
		"software needed, enclave old":   {4, 11, [2]byte{3, 1}, 3, OutOfDate},
		"revoked, and all else too":      {1, 11, [2]byte{2, 1}, 3, Revoked},
		"configured, module and enclave": {3, 11, [2]byte{2, 1}, 3, OutOfDateConfigurationNeeded},
	} {
		f := newFake(t)
		f.pck = newAuthority(t, pckName, f.ca, func(x *x509.Certificate) {
			leaf(x)
			x.ExtraExtensions = []pkix.Extension{{Id: oid(), Value: sgxExtension(t, c.svn, c.pce)}}
		})
		copy(f.body, c.module[:])
		f.qe[258] = c.enclave
		quote, collateral := f.quote(t), f.collateral(t)
		q, p, err := authenticate(attest.Evidence{Report: quote}, f.rootPin(), now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := collateral.judge(q, p).status; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		_, err = f.judge(t, quote, anyTD, collateral)
		if good := c.want == UpToDate; good != (err == nil) || !good && !refused(err, "tdx.tcb") {
			t.Errorf("%s: %v", name, err)
		}
		all := Policy{InsecureSkipMeasurement: true, AcceptAdvisories: []string{"INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00003"},
			AcceptStatuses: []TCBStatus{SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, OutOfDate, OutOfDateConfigurationNeeded, Revoked, ""}}
		if _, err = f.judge(t, quote, all, collateral); (err == nil) != (c.want != "" && c.want != Revoked) {
			t.Errorf("%s, where all statuses are listed: %v", name, err)
		}
	}
}

// The major version of the TDX module 0 is judged by the processor's components: its version is the first of them.
func TestModuleOfTheFirstLine(t *testing.T) {
	f := newFake(t)
	levels := f.tcbInfo["tcbLevels"].([]map[string]any)
	levels[0]["tcb"].(map[string]any)["tdxtcbcomponents"].([]map[string]int)[0]["svn"] = 4
	copy(f.body, []byte{3, 0, 7})
	if _, err := f.verify(t, anyTD); !refused(err, "tdx.tcb") {
		t.Errorf("module 1.0 below its version: %v", err)
	}
	copy(f.body, []byte{4, 0, 7})
	if _, err := f.verify(t, anyTD); err != nil {
		t.Errorf("module 1.0: %v", err)
	}
	copy(f.body, []byte{3, 1, 7})
	if _, err := f.verify(t, anyTD); err != nil {
		t.Errorf("module 1.5, of which that version says nothing: %v", err)
	}
	copy(f.body, []byte{3, 1, 6})
	if _, err := f.verify(t, anyTD); !refused(err, "tdx.tcb") {
		t.Errorf("microcode of TDX below its version: %v", err)
	}
}

func TestAdvisories(t *testing.T) {
	f := newFake(t)
	f.pck = newAuthority(t, pckName, f.ca, func(x *x509.Certificate) {
		leaf(x)
		x.ExtraExtensions = []pkix.Extension{{Id: oid(), Value: sgxExtension(t, 4, 11)}}
	})
	p := Policy{InsecureSkipMeasurement: true, AcceptStatuses: []TCBStatus{SWHardeningNeeded}}
	if _, err := f.verify(t, p); !refused(err, "tdx.advisories") {
		t.Errorf("an advisory that is not accepted: %v", err)
	}
	p.AcceptAdvisories = []string{"INTEL-SA-00001"}
	if r, err := f.verify(t, p); err != nil || !strings.HasPrefix(r.TCB, "SWHardeningNeeded") {
		t.Errorf("%+v, %v", r, err)
	}
}

// A status that Intel does not have yet is none that a policy can have meant.
func TestUnknownStatus(t *testing.T) {
	for _, part := range []string{"processor", "module", "enclave"} {
		f := newFake(t)
		levels := f.tcbInfo["tcbLevels"].([]map[string]any)
		switch part {
		case "module":
			levels = f.tcbInfo["tdxModuleIdentities"].([]map[string]any)[0]["tcbLevels"].([]map[string]any)
		case "enclave":
			levels = f.qeIdentity["tcbLevels"].([]map[string]any)
		}
		levels[0]["tcbStatus"] = "TDRelaunchAdvised"
		if _, err := f.verify(t, anyTD); !refused(err, "tdx.tcb") {
			t.Errorf("%s: %v", part, err)
		}
	}
}

// Module and enclave that are not Intel's.
func TestOthersSoftware(t *testing.T) {
	for name, c := range map[string]struct {
		code  string
		alter func(f *fake)
	}{
		"signer of the module":     {"tdx.module", func(f *fake) { f.body[64] = 1 }},
		"attributes of the module": {"tdx.module", func(f *fake) { f.body[112] = 1 }},
		"module 1.0 of others":     {"tdx.module", func(f *fake) { f.body[1], f.body[64] = 0, 1 }},
		"line of modules":          {"tdx.module", func(f *fake) { f.body[1] = 4 }},
		"signer of the enclave":    {"tdx.quoting_enclave", func(f *fake) { f.qe[129] = 1 }},
		"product of the enclave":   {"tdx.quoting_enclave", func(f *fake) { f.qe[256] = 1 }}, // the quoting enclave of SGX
		"debugged enclave":         {"tdx.quoting_enclave", func(f *fake) { f.qe[48] |= 2 }},
		"misc of the enclave":      {"tdx.quoting_enclave", func(f *fake) { f.qe[16] = 1 }},
		"mode of the enclave":      {"tdx.quoting_enclave", func(f *fake) { f.qe[48] &^= 1 }}, // INIT
	} {
		f := newFake(t)
		c.alter(f)
		if _, err := f.verify(t, anyTD); !refused(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.judge(t, f.quote(t), anyMachine); (err == nil) != (name == "line of modules" || name == "mode of the enclave") || err != nil && !refused(err, c.code) {
			t.Errorf("%s, where any version is accepted: %v", name, err)
		}
	}
}
