package tdx

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// exactly accepts the TD of f by all that was measured.
func (f *fake) exactly(t testing.TB) Policy { return measured(t, f.quote(t)) }

func TestPolicy(t *testing.T) {
	attributes := func(bits uint64) func(*fake) {
		return func(f *fake) {
			binary.LittleEndian.PutUint64(f.body[120:], binary.LittleEndian.Uint64(f.body[120:])^bits)
		}
	}
	other := func(at int) func(*fake) { return func(f *fake) { f.body[at] ^= 1 } }
	service := func(f *fake) {
		f.version, f.body = 5, append(f.body, make([]byte, body15Size-body10Size)...)
		f.body[600] = 1
	}
	for name, c := range map[string]struct {
		alter  func(*fake)
		accept func(*Policy) // what makes the policy accept it nevertheless
		code   string
	}{
		"MRTD":             {other(136), func(p *Policy) { p.InsecureSkipMeasurement = true }, "tdx.measurement"},
		"RTMR0":            {other(328), func(p *Policy) { p.Measurements[0].RTMR[0] = nil }, "tdx.measurement"},
		"RTMR1":            {other(376), func(p *Policy) { p.Measurements[0].RTMR[1] = nil }, "tdx.measurement"},
		"RTMR2":            {other(424), func(p *Policy) { p.Measurements[0].RTMR[2] = nil }, "tdx.measurement"},
		"RTMR3":            {other(472), func(p *Policy) { p.Measurements[0].RTMR[3] = nil }, "tdx.measurement"},
		"debug":            {attributes(AttributeDebug), func(p *Policy) { p.InsecureAllowDebug = true }, "tdx.debug"},
		"untrusted":        {attributes(1 << 5), func(p *Policy) { p.InsecureAllowDebug = true }, "tdx.debug"},
		"migratable":       {attributes(AttributeMigratable), func(p *Policy) { p.InsecureAllowMigration = true }, "tdx.migration"},
		"service TD":       {service, func(p *Policy) { p.InsecureAllowMigration = true }, "tdx.service_td"},
		"injection":        {attributes(AttributeSEPTVEDisable), func(p *Policy) { p.InsecureAllowInjection = true }, "tdx.sept_ve_disable"},
		"unknown":          {attributes(1 << 40), func(p *Policy) { p.InsecureAllowUnknownAttributes = true }, "tdx.attributes"},
		"protection keys":  {attributes(AttributePKS | AttributeKL | AttributeLASS | AttributePerfmon), nil, ""},
		"module 1.5, v5":   {func(f *fake) { service(f); f.body[600] = 0 }, nil, ""},
		"module 1.0, v5":   {func(f *fake) { f.version = 5 }, nil, ""},
		"host's words":     {func(f *fake) { f.body[184], f.body[232], f.body[280] = 1, 1, 1 }, nil, ""},
		"features of XFAM": {other(128), nil, ""},
	} {
		f := newFake(t)
		p := f.exactly(t)
		c.alter(f)
		_, err := f.verify(t, p)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if r, ok := errors.AsType[*attest.Refused](err); !ok || len(r.Unwrap()) != 1 || !refused(err, c.code) {
			t.Errorf("%s: %v, want %s alone", name, err, c.code)
		}
		c.accept(&p)
		if _, err := f.verify(t, p); err != nil {
			t.Errorf("%s, where it is accepted: %v", name, err)
		}
	}
}

// Firmware alone says nothing of the kernel.
func TestFirmwareAlone(t *testing.T) {
	f := newFake(t)
	p := f.exactly(t)
	p.Measurements[0].RTMR[1], p.Measurements[0].RTMR[2] = nil, nil
	if _, err := f.verify(t, p); !refused(err, "tdx.measurement") {
		t.Errorf("MRTD, RTMR 0 and 3: %v", err)
	}
	p.InsecureAnyKernel = true
	if _, err := f.verify(t, p); err != nil {
		t.Error(err)
	}
	p.Measurements = append(p.Measurements, Measurement{})
	if _, err := f.verify(t, p); err != nil {
		t.Errorf("with another beside it: %v", err)
	}
}

func TestPins(t *testing.T) {
	f := newFake(t)
	f.body[184], f.body[232], f.body[280] = 1, 2, 3
	p := f.exactly(t)
	value := func(b byte) *[48]byte { return &[48]byte{b} }
	p.ConfigID, p.Owner, p.OwnerConfig = value(1), value(2), value(3)
	p.PPIDs = [][16]byte{{}, [16]byte(slices.Repeat([]byte{0xab}, 16))}
	if r, err := f.verify(t, p); err != nil || r.HostData[0] != 1 || len(r.HostData) != 48 || r.ChipID[0] != 0xab {
		t.Errorf("%+v, %v", r, err)
	}
	for code, alter := range map[string]func(*Policy){
		"tdx.config_id":    func(p *Policy) { p.ConfigID = value(9) },
		"tdx.owner":        func(p *Policy) { p.Owner = value(9) },
		"tdx.owner_config": func(p *Policy) { p.OwnerConfig = value(9) },
		"tdx.ppid":         func(p *Policy) { p.PPIDs = p.PPIDs[:1] },
	} {
		p := p
		alter(&p)
		if _, err := f.verify(t, p); !refused(err, code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// The identity of evidence is that of what was signed, and its measurement of all registers.
func TestResult(t *testing.T) {
	f := newFake(t)
	first, err := f.verify(t, anyTD)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Simulated || first.Kind != attest.KindSimulated || first.Product != "TDX 90c06f000000" || first.TCB != "UpToDate, module 1.3, PCE 11" {
		t.Errorf("%+v", first)
	}
	if again, err := f.verify(t, anyTD); err != nil || again.Identity != first.Identity { // signed anew
		t.Errorf("%x, want %x: %v", again.Identity, first.Identity, err)
	}
	for _, at := range []int{136, 328, 376, 424, 472} {
		f.body[at] ^= 1
		if r, err := f.verify(t, anyTD); err != nil || slices.Equal(r.Measurement, first.Measurement) || r.Identity == first.Identity {
			t.Errorf("byte %d is not in the measurement: %v", at, err)
		}
		f.body[at] ^= 1
	}
}
