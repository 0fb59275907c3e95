package snp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/snp"
)

var rd = [64]byte{9}

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

// Each case changes one thing of the machine or of the policy that accepts it, and one check fails.
func TestPolicyChangesOneThing(t *testing.T) {
	vendor, err := attesttest.NewVendor()
	if err != nil {
		t.Fatal(err)
	}
	floor := snp.Floors()[snp.Genoa]
	edit := func(off int, v uint64) func(*attesttest.Options) {
		return func(o *attesttest.Options) { o.Edit = func(b []byte) { binary.LittleEndian.PutUint64(b[off:], v) } }
	}
	both := func(a, b func(*attesttest.Options)) func(*attesttest.Options) {
		return func(o *attesttest.Options) {
			var x, y attesttest.Options
			a(&x)
			b(&y)
			o.Edit = func(report []byte) { x.Edit(report); y.Edit(report) }
		}
	}
	version5 := func(o *attesttest.Options) { o.Edit = func(b []byte) { b[0] = 5 } }
	mitigated := func(p *snp.Policy) { p.MinMitigations = map[snp.Product]uint64{snp.Genoa: 5} }
	below := snp.Genoa.Raw(snp.TCB{SNP: floor.SNP, Microcode: floor.Microcode - 1})
	for name, c := range map[string]struct {
		machine func(*attesttest.Options)
		policy  func(*snp.Policy)
		want    string
	}{
		"nothing":                  {nil, nil, ""},
		"no product":               {nil, func(p *snp.Policy) { p.Products = nil }, "snp.product"},
		"other product":            {nil, func(p *snp.Policy) { p.Products = []snp.Product{snp.Milan, snp.Turin} }, "snp.product"},
		"other measurement":        {func(o *attesttest.Options) { o.Measurement[47] = 1 }, nil, "snp.measurement"},
		"no measurement":           {nil, func(p *snp.Policy) { p.Measurements = nil }, "snp.measurement"},
		"skipped measurement":      {nil, func(p *snp.Policy) { p.Measurements, p.InsecureSkipMeasurement = nil, true }, ""},
		"no floor":                 {nil, func(p *snp.Policy) { p.MinTCB = nil }, "snp.tcb.reported snp.tcb.committed snp.tcb.launch"},
		"empty floor":              {nil, func(p *snp.Policy) { p.MinTCB = map[snp.Product]snp.TCB{snp.Genoa: {}} }, "snp.tcb.reported snp.tcb.committed snp.tcb.launch"},
		"list wanted":              {nil, func(p *snp.Policy) { p.RequireRevocationList = true }, "snp.revocation_list"},
		"no TCB asked for":         {nil, func(p *snp.Policy) { p.MinTCB, p.InsecureSkipTCB = nil, true }, ""},
		"committed below":          {edit(0x1E0, below), nil, "snp.tcb.committed"},
		"launched below":           {edit(0x1F0, below), nil, "snp.tcb.launch"},
		"all below":                {func(o *attesttest.Options) { o.TCB = &snp.TCB{SNP: 0x16, Microcode: 0xff} }, nil, "snp.tcb.reported snp.tcb.committed snp.tcb.launch"},
		"debug":                    {func(o *attesttest.Options) { o.Debug = true }, nil, "snp.debug"},
		"debug, allowed":           {func(o *attesttest.Options) { o.Debug = true }, func(p *snp.Policy) { p.InsecureAllowDebug = true }, ""},
		"migration":                {func(o *attesttest.Options) { o.Migration = true }, nil, "snp.migration_agent"},
		"migration, allowed":       {func(o *attesttest.Options) { o.Migration = true }, func(p *snp.Policy) { p.InsecureAllowMigration = true }, ""},
		"aliases":                  {func(o *attesttest.Options) { o.NoAliases = true }, nil, "snp.alias_check"},
		"aliases, allowed":         {func(o *attesttest.Options) { o.NoAliases = true }, func(p *snp.Policy) { p.InsecureAllowUncheckedAliases = true }, ""},
		"VMPL":                     {func(o *attesttest.Options) { o.VMPL = 2 }, nil, "snp.vmpl"},
		"VMPL, expected":           {func(o *attesttest.Options) { o.VMPL = 2 }, func(p *snp.Policy) { p.VMPL = 2 }, ""},
		"guest SVN":                {nil, func(p *snp.Policy) { p.MinGuestSVN = 1 }, "snp.guest_svn"},
		"guest SVN, lowest":        {func(o *attesttest.Options) { o.GuestSVN = 3 }, func(p *snp.Policy) { p.MinGuestSVN = 3 }, ""},
		"SMT":                      {func(o *attesttest.Options) { o.SMT = true }, nil, "snp.smt"},
		"SMT, not asked for":       {func(o *attesttest.Options) { o.SMT = true }, func(p *snp.Policy) { p.RefuseSMT = false }, ""},
		"ciphertext hiding":        {nil, func(p *snp.Policy) { p.RequireCiphertextHiding = true }, "snp.ciphertext_hiding"},
		"host data":                {nil, func(p *snp.Policy) { p.HostData = &[32]byte{1} }, "snp.host_data"},
		"host data, expected":      {func(o *attesttest.Options) { o.HostData[0] = 1 }, func(p *snp.Policy) { p.HostData = &[32]byte{1} }, ""},
		"chip":                     {nil, func(p *snp.Policy) { p.ChipIDs = [][64]byte{{1}} }, "snp.chip_id"},
		"masked chip":              {func(o *attesttest.Options) { o.Edit = func(b []byte) { clear(b[0x1A0:0x1E0]) } }, nil, "snp.chip_masked"},
		"masked chip, allowed":     {func(o *attesttest.Options) { o.Edit = func(b []byte) { clear(b[0x1A0:0x1E0]) } }, func(p *snp.Policy) { p.InsecureAllowMaskedChip = true }, ""},
		"masked chip, zero pin":    {func(o *attesttest.Options) { o.Edit = func(b []byte) { clear(b[0x1A0:0x1E0]) } }, func(p *snp.Policy) { p.InsecureAllowMaskedChip, p.ChipIDs = true, [][64]byte{{}} }, "snp.chip_id"},
		"unknown policy bit":       {edit(8, 0x1f|1<<17|1<<30), nil, "snp.policy_bits"},
		"unknown bit, allowed":     {edit(8, 0x1f|1<<17|1<<30), func(p *snp.Policy) { p.InsecureAllowUnknownPolicyBits = true }, ""},
		"unknown platform bit":     {edit(0x40, snp.PlatformAliasCheck|1<<40), nil, ""},
		"RAPL":                     {nil, func(p *snp.Policy) { p.RequireRAPLDisabled = true }, "snp.rapl"},
		"RAPL, off by policy":      {edit(8, 0x1f|1<<17|snp.PolicyRAPLDisabled), func(p *snp.Policy) { p.RequireRAPLDisabled = true }, "snp.rapl"},
		"RAPL, off by platform":    {edit(0x40, snp.PlatformAliasCheck|snp.PlatformRAPLDisabled), func(p *snp.Policy) { p.RequireRAPLDisabled = true }, "snp.rapl"},
		"RAPL, off":                {both(edit(8, 0x1f|1<<17|snp.PolicyRAPLDisabled), edit(0x40, snp.PlatformAliasCheck|snp.PlatformRAPLDisabled)), func(p *snp.Policy) { p.RequireRAPLDisabled = true }, ""},
		"page swap":                {nil, func(p *snp.Policy) { p.RequirePageSwapDisabled = true }, "snp.page_swap"},
		"page swap, off":           {edit(8, 0x1f|1<<17|snp.PolicyPageSwapDisabled), func(p *snp.Policy) { p.RequirePageSwapDisabled = true }, ""},
		"mitigations of version 3": {both(edit(0x1F8, 7), edit(0x200, 7)), mitigated, "snp.mitigations"},
		"mitigations":              {both(version5, both(edit(0x1F8, 7), edit(0x200, 7))), mitigated, ""},
		"mitigations at launch":    {both(version5, both(edit(0x1F8, 6), edit(0x200, 7))), mitigated, "snp.mitigations"},
		"mitigations now":          {both(version5, both(edit(0x1F8, 7), edit(0x200, 6))), mitigated, "snp.mitigations"},
		"of another product":       {nil, func(p *snp.Policy) { p.MinMitigations = map[snp.Product]uint64{snp.Turin: 5} }, ""},
		"asked for by the host":    {edit(0x30, 0x1_ffff_ffff), func(p *snp.Policy) { p.VMPL = 0xffff_ffff }, "snp.vmpl"},
		"ID key":                   {edit(0xE0, 1), func(p *snp.Policy) { p.IDKeys = [][48]byte{{2}, {1}} }, ""},
		"ID key, another":          {edit(0xE0, 1), func(p *snp.Policy) { p.IDKeys = [][48]byte{{2}} }, "snp.id_key"},
		"ID key of zeros":          {nil, func(p *snp.Policy) { p.IDKeys = [][48]byte{{}} }, "snp.id_key"},
		"author key":               {both(edit(0x110, 1), edit(0x48, 1)), func(p *snp.Policy) { p.AuthorKeys = [][48]byte{{1}} }, ""},
		"author key, another":      {both(edit(0x110, 1), edit(0x48, 1)), func(p *snp.Policy) { p.AuthorKeys = [][48]byte{{2}} }, "snp.author_key"},
		"author key, not enabled":  {edit(0x110, 1), func(p *snp.Policy) { p.AuthorKeys = [][48]byte{{1}} }, "snp.author_key"},
		"author key of zeros":      {edit(0x48, 1), func(p *snp.Policy) { p.AuthorKeys = [][48]byte{{}} }, "snp.author_key"},
		"family":                   {edit(0x10, 1), func(p *snp.Policy) { p.FamilyID = &[16]byte{1} }, ""},
		"family, another":          {edit(0x10, 1), func(p *snp.Policy) { p.FamilyID = &[16]byte{2} }, "snp.family_id"},
		"image":                    {edit(0x20, 1), func(p *snp.Policy) { p.ImageID = &[16]byte{1} }, ""},
		"image, none":              {edit(0x20, 1), func(p *snp.Policy) { p.ImageID = &[16]byte{} }, "snp.image_id"},
		"zero policy":              {nil, func(p *snp.Policy) { *p = snp.Policy{} }, "snp.product snp.measurement snp.tcb.reported snp.tcb.committed snp.tcb.launch"},
		"provisional firmware on":  {edit(0x38, below), nil, ""}, // current is not what is relied on
	} {
		t.Run(name, func(t *testing.T) {
			var o attesttest.Options
			p := o.Policy()
			if c.machine != nil {
				c.machine(&o)
			}
			if c.policy != nil {
				c.policy(&p)
			}
			d, err := vendor.Device(o)
			if err != nil {
				t.Fatal(err)
			}
			ev, err := d.Evidence(t.Context(), rd)
			if err != nil {
				t.Fatal(err)
			}
			r, err := vendor.Verifier(p).Verify(t.Context(), ev, rd)
			if got := failing(err); got != c.want || (err == nil) != (c.want == "") || (r == nil) == (c.want == "") {
				t.Fatalf("%v; want %q", err, c.want)
			}
			checks, chip := attest.Explain(nil, err), d.ChipID()
			if r != nil {
				checks = r.Checks
			}
			if masked := strings.HasPrefix(name, "masked"); r != nil && !bytes.Equal(r.ChipID, map[bool][]byte{false: chip[:]}[masked]) {
				t.Errorf("chip %x", r.ChipID)
			}
			if len(checks) != 26 { // also those that the policy does not ask for
				t.Errorf("%d checks are listed", len(checks))
			}
		})
	}
}

// Genuine signatures over fields that the certificate contradicts, and evidence over something else.
func TestContradictions(t *testing.T) {
	vendor, err := attesttest.NewVendor()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edit func([]byte)
		want error
	}{
		"nothing":             {func(b []byte) {}, nil},
		"other chip":          {func(b []byte) { b[0x1A0]++ }, attest.ErrSignature},
		"other reported TCB":  {func(b []byte) { b[0x187]++ }, attest.ErrSignature},
		"other CPU":           {func(b []byte) { b[0x189] = 1 }, attest.ErrSignature},
		"signer VLEK":         {func(b []byte) { b[0x48] = 1 << 2 }, attest.ErrSignature},
		"signer none":         {func(b []byte) { b[0x48] = 7 << 2 }, attest.ErrFormat},
		"other REPORT_DATA":   {func(b []byte) { b[0x50]++ }, attest.ErrBinding},
		"version 1":           {func(b []byte) { b[0] = 1 }, attest.ErrFormat},
		"version 6":           {func(b []byte) { b[0] = 6 }, attest.ErrFormat},
		"other algorithm":     {func(b []byte) { b[0x34] = 2 }, attest.ErrFormat},
		"policy reserved bit": {func(b []byte) { b[10] &^= 2 }, attest.ErrFormat},
		"after the signature": {func(b []byte) { b[0x49F] = 1 }, attest.ErrFormat},
		"beside R":            {func(b []byte) { b[0x2A0+71] = 1 }, attest.ErrFormat},
	} {
		o := attesttest.Options{Edit: c.edit}
		d, err := vendor.Device(o)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := d.Evidence(t.Context(), rd)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vendor.Verifier(o.Policy()).Verify(t.Context(), ev, rd); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestCertificatesExpire(t *testing.T) {
	vendor, err := attesttest.NewVendor()
	if err != nil {
		t.Fatal(err)
	}
	d, err := vendor.Device(attesttest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := d.Evidence(context.Background(), rd)
	if err != nil {
		t.Fatal(err)
	}
	v := vendor.Verifier(attesttest.Options{}.Policy())
	v.Clock = func() time.Time { return time.Date(2130, 1, 1, 0, 0, 0, 0, time.UTC) }
	if _, err := v.Verify(t.Context(), ev, rd); !errors.Is(err, attest.ErrSignature) {
		t.Fatal(err)
	}
}
