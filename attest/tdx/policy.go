package tdx

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/attest"
)

// A Measurement is one TD that is accepted: its firmware, and what that measured.
type Measurement struct {
	MRTD [48]byte
	// RTMR are registers that must hold these values; nil is not asked for. By the TDX virtual firmware's design 0 is its configuration,
	// 1 boot loader and kernel, 2 command line and initial RAM disk, 3 free for the guest. One that asks for neither 1 nor 2 accepts
	// any kernel and matches nothing without [Policy.InsecureAnyKernel].
	RTMR [4]*[48]byte
}

// registers reports whether the registers that are asked for hold what they must.
func (m Measurement) registers(q *Quote) bool {
	for i, want := range m.RTMR {
		if want != nil && *want != q.RTMR[i] {
			return false
		}
	}
	return true
}

// A Policy is what a relying party accepts of a machine. Its zero value refuses everything.
type Policy struct {
	// Measurements are the accepted TDs.
	Measurements []Measurement
	// AcceptStatuses are statuses of Intel's that are accepted beside [UpToDate]. [Revoked] never is.
	AcceptStatuses []TCBStatus
	// AcceptAdvisories are security advisories (INTEL-SA-…) that a level with one of those statuses may have; one with others is refused.
	AcceptAdvisories []string
	// MinEvaluation is the lowest accepted tcbEvaluationDataNumber of the collateral: it rises as Intel judges anew, and an older one stays
	// valid for up to a month.
	MinEvaluation uint32
	// PPIDs pin the machines by the identifiers in their PCK certificates. Empty: not asked for.
	PPIDs [][16]byte
	// ConfigID, Owner and OwnerConfig, if not nil, are the exact MRCONFIGID, MROWNER and MROWNERCONFIG. The host chose them: they are no word
	// of the guest.
	ConfigID, Owner, OwnerConfig *[48]byte

	// InsecureSkipMeasurement accepts any TD.
	InsecureSkipMeasurement bool
	// InsecureAnyKernel accepts measurements that pin neither RTMR 1 nor 2.
	InsecureAnyKernel bool
	// InsecureSkipTCB accepts any version of Intel's processors, modules and quoting enclaves. No collateral is asked for.
	InsecureSkipTCB bool
	// InsecureAllowDebug accepts TDs that the host may read and write.
	InsecureAllowDebug bool
	// InsecureAllowMigration accepts TDs that may be moved to another machine, and such that are bound to a service TD.
	InsecureAllowMigration bool
	// InsecureAllowInjection accepts TDs into which the host can inject exceptions by taking pages away (no SEPT_VE_DISABLE); guests
	// that know of it may cope.
	InsecureAllowInjection bool
	// InsecureAllowUnknownAttributes accepts attributes that this version does not know.
	InsecureAllowUnknownAttributes bool
}

// check runs every check of the policy on a genuine quote, with the collateral of its processor or nil, and says what the TCB is.
func (p Policy) check(q *Quote, k *pck, c *Collateral) (checks attest.Checks, tcb string) {
	p.measured(&checks, q)
	all := q.Measurement()
	checks.Skip("tdx.measured", hex.EncodeToString(all[:]))
	on := func(bit uint64) string { return map[bool]string{true: "on", false: "off"}[q.Attributes&bit != 0] }
	checks.Unless(p.InsecureAllowDebug, "tdx.debug", q.Attributes&untrustedAttributes == 0, "off", on(untrustedAttributes))
	checks.Unless(p.InsecureAllowMigration, "tdx.migration", q.Attributes&AttributeMigratable == 0, "off", on(AttributeMigratable))
	checks.Unless(p.InsecureAllowMigration, "tdx.service_td", q.MRServiceTD == [48]byte{}, "none", hex.EncodeToString(q.MRServiceTD[:]))
	checks.Unless(p.InsecureAllowInjection, "tdx.sept_ve_disable", q.Attributes&AttributeSEPTVEDisable != 0, "on", on(AttributeSEPTVEDisable))
	checks.Unless(p.InsecureAllowUnknownAttributes, "tdx.attributes", q.Attributes&^knownAttributes == 0, "none unknown", fmt.Sprintf("%#x", q.Attributes))
	checks.Skip("tdx.xfam", fmt.Sprintf("%#x", q.XFAM))
	exact(&checks, "tdx.config_id", p.ConfigID, q.MRConfigID)
	exact(&checks, "tdx.owner", p.Owner, q.MROwner)
	exact(&checks, "tdx.owner_config", p.OwnerConfig, q.MROwnerConfig)
	checks.Unless(len(p.PPIDs) == 0, "tdx.ppid", slices.Contains(p.PPIDs, k.ppid), fmt.Sprintf("one of %d pinned", len(p.PPIDs)), hex.EncodeToString(k.ppid[:]))
	return checks, p.checkTCB(&checks, q, k, c)
}

// measured holds the TD against the accepted ones, and says of one that was refused how far it came.
func (p Policy) measured(checks *attest.Checks, q *Quote) {
	ok, why := false, ""
	for _, m := range p.Measurements {
		switch {
		case m.MRTD != q.MRTD:
		case !m.registers(q):
			why = ", with other RTMRs"
		case m.RTMR[1] == nil && m.RTMR[2] == nil && !p.InsecureAnyKernel:
			why = ", and neither RTMR 1 nor 2 is asked for"
		default:
			ok = true
		}
	}
	checks.Unless(p.InsecureSkipMeasurement, "tdx.measurement", ok, fmt.Sprintf("one of %d listed", len(p.Measurements)), "MRTD "+hex.EncodeToString(q.MRTD[:])+why)
}

// checkTCB holds processor, module and quoting enclave against Intel's word.
func (p Policy) checkTCB(checks *attest.Checks, q *Quote, k *pck, c *Collateral) string {
	svn := fmt.Sprintf("module %d.%d, PCE %d", q.TCBSVN[1], q.TCBSVN[0], k.pceSVN)
	v := verdict{module: intelModule.is(q), enclave: intelEnclave.is(&q.enclave)}
	if c != nil {
		v = c.judge(q, k)
	}
	checks.Require("tdx.module", v.module, "one of Intel's", fmt.Sprintf("signer %x, attributes %#x", q.MRSignerSeam, q.SeamAttributes))
	checks.Require("tdx.quoting_enclave", v.enclave, "Intel's", fmt.Sprintf("signer %x", q.enclave.mrSigner()))
	if p.InsecureSkipTCB {
		checks.Skip("tdx.tcb", svn)
		return svn
	}
	checks.Require("tdx.collateral", c != nil, "collateral for "+hex.EncodeToString(k.fmspc[:]), map[bool]string{true: "given", false: "none that is valid now"}[c != nil])
	if c == nil {
		return svn
	}
	number := min(c.tcb.Number, c.enclave.Number)
	checks.Require("tdx.evaluation", number >= p.MinEvaluation, "at least "+strconv.FormatUint(uint64(p.MinEvaluation), 10), strconv.FormatUint(uint64(number), 10))
	ok := v.status == UpToDate || v.status != Revoked && v.status != "" && slices.Contains(p.AcceptStatuses, v.status)
	got := string(v.status)
	if v.status == "" {
		got = "below every level"
	}
	checks.Require("tdx.tcb", ok, strings.Join(append([]string{string(UpToDate)}, names(p.AcceptStatuses)...), " or "), fmt.Sprintf("%s (%s; processor, module, enclave: %q)", got, svn, v.parts))
	open := slices.DeleteFunc(slices.Clone(v.advisories), func(a string) bool { return slices.Contains(p.AcceptAdvisories, a) })
	checks.Unless(v.status == UpToDate, "tdx.advisories", len(open) == 0, "none but those accepted", cmp.Or(strings.Join(open, " "), "none"))
	return got + ", " + svn
}

func names(list []TCBStatus) (out []string) {
	for _, s := range list {
		if s != Revoked {
			out = append(out, string(s))
		}
	}
	return out
}

// exact adds a check of a field that must be *want, if that is not nil.
func exact(checks *attest.Checks, code string, want *[48]byte, got [48]byte) {
	if want == nil {
		checks.Skip(code, hex.EncodeToString(got[:]))
		return
	}
	checks.Require(code, *want == got, hex.EncodeToString(want[:]), hex.EncodeToString(got[:]))
}
