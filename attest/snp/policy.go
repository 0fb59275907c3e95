package snp

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/holdfast-ai/holdfast/attest"
)

// A Policy is what a relying party accepts of a machine. Its zero value refuses everything.
type Policy struct {
	// Products are the accepted lines. Know before listing Milan that its root seed was extracted by software
	// (arXiv 2605.12990), after which its VCEK reports can be forged at any TCB.
	Products []Product
	// Measurements are the accepted launch digests.
	Measurements [][48]byte
	// MinTCB gives each accepted product its floor; reported, committed and launch TCB must reach it. A floor of zeros is
	// none. See [Floors].
	MinTCB map[Product]TCB
	// VMPL is the exact privilege level of the requester: 0 on bare guests, 2 under most SVSMs. There are 0 to 3; what a report
	// says that the host asked for is none of them, and never accepted.
	VMPL uint32
	// MinGuestSVN is the lowest accepted security version of the guest. It comes from the ID block, which the host brings: without
	// IDKeys or AuthorKeys it is the host's word.
	MinGuestSVN uint32
	// IDKeys are the accepted digests of keys that signed the guest's ID block (ID_KEY_DIGEST: SHA-384 of the key in AMD's form).
	// Empty: not asked for. Zeros, which stand in reports of guests without ID block, match nothing.
	IDKeys [][48]byte
	// AuthorKeys are the accepted digests of keys that signed the ID key (AUTHOR_KEY_DIGEST), in the same way.
	AuthorKeys [][48]byte
	// FamilyID and ImageID, if not nil, are those of the ID block. As MinGuestSVN they are the host's word without IDKeys or AuthorKeys.
	FamilyID, ImageID *[16]byte
	// MinMitigations gives products the bits of the mitigation vectors that must be set, both when the guest was launched and
	// now. Only reports of version 5 have them; others are refused where bits are asked for.
	MinMitigations map[Product]uint64
	// CSPs are the cloud providers whose VLEKs are accepted (CSP_ID). Empty: VCEK only.
	CSPs []string
	// ChipIDs pin the machines. Empty: not asked for. A masked chip id never matches.
	ChipIDs [][64]byte
	// HostData, if not nil, is the exact HOST_DATA. The host chose it: it is no word of the guest.
	HostData *[32]byte
	// RefuseSMT refuses guests that may run, and platforms that do run, with SMT.
	RefuseSMT bool
	// RequireCiphertextHiding wants DRAM ciphertext hiding, by guest policy and on the platform.
	RequireCiphertextHiding bool
	// RequireRAPLDisabled wants the counters of power that side channels use to be off, by guest policy and on the platform.
	RequireRAPLDisabled bool
	// RequirePageSwapDisabled wants the guest policy to keep the host from moving and swapping the guest's pages.
	RequirePageSwapDisabled bool

	// RequireRevocationList wants a revocation list of the product's root that has not ended. See [Verifier.RevocationLists].
	RequireRevocationList bool

	// InsecureSkipMeasurement accepts any guest.
	InsecureSkipMeasurement bool
	// InsecureSkipTCB accepts any firmware and microcode.
	InsecureSkipTCB bool
	// InsecureAllowDebug accepts guests that the host may read and write.
	InsecureAllowDebug bool
	// InsecureAllowMigration accepts guests that a migration agent may move.
	InsecureAllowMigration bool
	// InsecureAllowUncheckedAliases accepts platforms that did not check memory for aliases (AMD-SB-3015).
	InsecureAllowUncheckedAliases bool
	// InsecureAllowMaskedChip accepts a VCEK report whose CHIP_ID is masked, so that it is not held against the VCEK's.
	InsecureAllowMaskedChip bool
	// InsecureAllowUnknownPolicyBits accepts guest policies with bits that this version does not know.
	InsecureAllowUnknownPolicyBits bool
}

// check runs every check of the policy on a genuine report. current says that a revocation list speaks for its root now.
func (p Policy) check(r *Report, s *signer, current bool) attest.Checks {
	var c attest.Checks
	c.Require("snp.product", slices.Contains(p.Products, s.product), fmt.Sprint(p.Products), string(s.product))
	c.Unless(p.InsecureSkipMeasurement, "snp.measurement", slices.Contains(p.Measurements, r.Measurement),
		fmt.Sprintf("one of %d listed", len(p.Measurements)), hex.EncodeToString(r.Measurement[:]))
	p.checkTCB(&c, r, s)
	c.Unless(p.InsecureAllowDebug, "snp.debug", r.Policy&PolicyDebug == 0, "off", onOff(r.Policy&PolicyDebug))
	c.Unless(p.InsecureAllowMigration, "snp.migration_agent", r.Policy&PolicyMigrateMA == 0, "off", onOff(r.Policy&PolicyMigrateMA))
	c.Unless(p.InsecureAllowUncheckedAliases, "snp.alias_check", r.PlatformInfo&PlatformAliasCheck != 0, "on", onOff(r.PlatformInfo&PlatformAliasCheck))
	c.Unless(p.InsecureAllowUnknownPolicyBits, "snp.policy_bits", r.Policy&^knownPolicy == 0, "none unknown", fmt.Sprintf("%#x", r.Policy))
	c.Skip("snp.platform_info", fmt.Sprintf("%#x", r.PlatformInfo))
	c.Require("snp.vmpl", r.VMPL == p.VMPL && r.VMPL <= maxVMPL, strconv.Itoa(int(p.VMPL)), strconv.FormatUint(uint64(r.VMPL), 10))
	c.Require("snp.guest_svn", r.GuestSVN >= p.MinGuestSVN, "at least "+strconv.FormatUint(uint64(p.MinGuestSVN), 10), strconv.FormatUint(uint64(r.GuestSVN), 10))
	if p.RefuseSMT {
		c.Require("snp.smt", r.Policy&PolicySMT == 0 && r.PlatformInfo&PlatformSMT == 0, "off", smt(r))
	} else {
		c.Skip("snp.smt", smt(r))
	}
	hiding := r.Policy&PolicyCiphertextHiding != 0 && r.PlatformInfo&PlatformCiphertextHiding != 0
	c.Unless(!p.RequireCiphertextHiding, "snp.ciphertext_hiding", hiding, "required and on", fmt.Sprintf("policy %s, platform %s",
		onOff(r.Policy&PolicyCiphertextHiding), onOff(r.PlatformInfo&PlatformCiphertextHiding)))
	rapl := r.Policy&PolicyRAPLDisabled != 0 && r.PlatformInfo&PlatformRAPLDisabled != 0
	c.Unless(!p.RequireRAPLDisabled, "snp.rapl", rapl, "disabled by policy and platform", fmt.Sprintf("disabled: policy %s, platform %s",
		onOff(r.Policy&PolicyRAPLDisabled), onOff(r.PlatformInfo&PlatformRAPLDisabled)))
	c.Unless(!p.RequirePageSwapDisabled, "snp.page_swap", r.Policy&PolicyPageSwapDisabled != 0, "disabled", "disabled: "+onOff(r.Policy&PolicyPageSwapDisabled))
	p.checkMitigations(&c, r, s)
	exact(&c, "snp.host_data", p.HostData, r.HostData)
	p.checkIDBlock(&c, r)
	p.checkOrigin(&c, r, s)
	list := map[bool]string{true: "one", false: "none"}[current]
	c.Unless(!p.RequireRevocationList, "snp.revocation_list", current, "one that has not ended", list)
	return c
}

// checkTCB holds reported, committed and launch TCB against the floor: the committed one cannot be rolled back.
func (p Policy) checkTCB(c *attest.Checks, r *Report, s *signer) {
	floor := p.MinTCB[s.product]
	ok := floor != TCB{} // every firmware reaches zeros: whoever wants that says InsecureSkipTCB
	want := "a floor for " + string(s.product)
	if ok {
		want = "at least " + floor.String()
	}
	for _, t := range []struct {
		code string
		raw  uint64
	}{{"snp.tcb.reported", r.ReportedTCB}, {"snp.tcb.committed", r.CommittedTCB}, {"snp.tcb.launch", r.LaunchTCB}} {
		tcb := s.product.TCB(t.raw)
		c.Unless(p.InsecureSkipTCB, t.code, ok && tcb.AtLeast(floor), want, tcb.String())
	}
}

// checkMitigations holds the vectors at launch and now against the bits that are asked for.
func (p Policy) checkMitigations(c *attest.Checks, r *Report, s *signer) {
	want := p.MinMitigations[s.product]
	got := fmt.Sprintf("launch %#x, current %#x", r.LaunchMitigations, r.CurrentMitigations)
	if r.Version < 5 {
		got = fmt.Sprintf("none: report of version %d", r.Version)
	}
	c.Unless(want == 0, "snp.mitigations", r.LaunchMitigations&want == want && r.CurrentMitigations&want == want, fmt.Sprintf("%#x at least", want), got)
}

// checkIDBlock says who vouches for the guest's launch, and as what.
func (p Policy) checkIDBlock(c *attest.Checks, r *Report) {
	for _, k := range []struct {
		code   string
		pinned [][48]byte
		got    [48]byte
		there  bool
	}{{"snp.id_key", p.IDKeys, r.IDKeyDigest, true}, {"snp.author_key", p.AuthorKeys, r.AuthorKeyDigest, r.AuthorKeyEnabled}} {
		ok := k.there && !zero(k.got[:]) && slices.Contains(k.pinned, k.got)
		c.Unless(len(k.pinned) == 0, k.code, ok, fmt.Sprintf("one of %d pinned", len(k.pinned)), hex.EncodeToString(k.got[:]))
	}
	exact(c, "snp.family_id", p.FamilyID, r.FamilyID)
	exact(c, "snp.image_id", p.ImageID, r.ImageID)
}

// exact adds a check of a field that must be *want, if that is not nil.
func exact[T [16]byte | [32]byte](c *attest.Checks, code string, want *T, got T) {
	if want == nil {
		c.Skip(code, fmt.Sprintf("%x", got))
		return
	}
	c.Require(code, *want == got, fmt.Sprintf("%x", *want), fmt.Sprintf("%x", got))
}

// checkOrigin says which machine or provider stands behind the report.
func (p Policy) checkOrigin(c *attest.Checks, r *Report, s *signer) {
	masked := zero(r.ChipID[:])
	if s.kind == VLEK {
		c.Require("snp.csp", slices.Contains(p.CSPs, s.csp), fmt.Sprintf("VCEK, or VLEK of %q", p.CSPs), fmt.Sprintf("VLEK of %q", s.csp))
	} else {
		c.Skip("snp.csp", "VCEK")
		c.Unless(p.InsecureAllowMaskedChip, "snp.chip_masked", !masked, "not masked", map[bool]string{true: "masked", false: "not masked"}[masked])
	}
	if len(p.ChipIDs) == 0 {
		c.Skip("snp.chip_id", hex.EncodeToString(r.ChipID[:]))
		return
	}
	c.Require("snp.chip_id", !masked && slices.Contains(p.ChipIDs, r.ChipID), fmt.Sprintf("one of %d pinned", len(p.ChipIDs)), hex.EncodeToString(r.ChipID[:]))
}

func onOff(bit uint64) string {
	if bit != 0 {
		return "on"
	}
	return "off"
}

func smt(r *Report) string {
	return "policy " + onOff(r.Policy&PolicySMT) + ", platform " + onOff(r.PlatformInfo&PlatformSMT)
}
