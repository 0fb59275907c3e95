package main

import (
	"crypto/x509"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/snp"
)

// machinePolicy says what machine is accepted at all: one with SEV-SNP, see [snp.Policy], or one with TDX. Floors are [snp.Floors]
// where min_tcb has none; min_tcb only raises them, and what it leaves out of a TCB counts as 0.
type machinePolicy struct {
	TDX                     *tdxPolicy              `json:"tdx"`
	Products                []snp.Product           `json:"products"`
	Measurements            []string                `json:"measurements"`
	MinTCB                  map[snp.Product]snp.TCB `json:"min_tcb"`
	VMPL                    uint32                  `json:"vmpl"`
	MinGuestSVN             uint32                  `json:"min_guest_svn"`
	CSPs                    []string                `json:"csps"`
	IDKeys                  []string                `json:"id_keys"`     // digests in hex of keys that sign ID blocks; empty: any, or none
	AuthorKeys              []string                `json:"author_keys"` // and of keys that sign those
	FamilyID                string                  `json:"family_id"`   // hex; left out: any
	ImageID                 string                  `json:"image_id"`
	HostData                string                  `json:"host_data"`
	MinMitigations          map[snp.Product]uint64  `json:"min_mitigations"`
	RefuseSMT               bool                    `json:"refuse_smt"`
	RequireCiphertextHiding bool                    `json:"require_ciphertext_hiding"`
	RequireRAPLDisabled     bool                    `json:"require_rapl_disabled"`
	RequirePageSwapDisabled bool                    `json:"require_page_swap_disabled"`
	ChipIDs                 []string                `json:"chip_ids"`         // hex, as reports have them; empty: any chip
	RevocationLists         []string                `json:"revocation_lists"` // files, DER, as AMD's Key Distribution Service gives them
	RequireRevocationList   bool                    `json:"require_revocation_list"`
	InsecureAllowMaskedChip bool                    `json:"insecure_allow_masked_chip"`
	// InsecureSimulatedRoots are root keys of simulators, SHA-256 of the SubjectPublicKeyInfo: no hardware stands behind them.
	InsecureSimulatedRoots []string `json:"insecure_simulated_roots"`
}

func (m machinePolicy) policy() (attest.Policy, error) {
	if m.TDX == nil {
		return m.snp()
	}
	v, err := m.TDX.verifier()
	if err != nil {
		return attest.Policy{}, fmt.Errorf("tdx: %w", err)
	}
	out, amd := attest.Policy{}, m
	if amd.TDX = nil; !reflect.ValueOf(amd).IsZero() { // fields of SEV-SNP beside it are not passed over
		if out, err = amd.snp(); err != nil {
			return attest.Policy{}, err
		}
	}
	out.Verifiers = append(out.Verifiers, v)
	return out, nil
}

func (m machinePolicy) snp() (attest.Policy, error) {
	p := snp.Policy{
		Products: m.Products, VMPL: m.VMPL, MinGuestSVN: m.MinGuestSVN, CSPs: m.CSPs, RefuseSMT: m.RefuseSMT,
		MinMitigations: m.MinMitigations, RequireCiphertextHiding: m.RequireCiphertextHiding, RequireRAPLDisabled: m.RequireRAPLDisabled,
		RequirePageSwapDisabled: m.RequirePageSwapDisabled, InsecureAllowMaskedChip: m.InsecureAllowMaskedChip, MinTCB: snp.Floors(),
	}
	if m.VMPL > 3 {
		return attest.Policy{}, fmt.Errorf("%w: vmpl %d, want 0 to 3", errUsage, m.VMPL)
	}
	for _, l := range []struct {
		name string
		hex  []string
		to   *[][48]byte
	}{{"measurements", m.Measurements, &p.Measurements}, {"id_keys", m.IDKeys, &p.IDKeys}, {"author_keys", m.AuthorKeys, &p.AuthorKeys}} {
		for _, s := range l.hex {
			var d [48]byte
			if err := unhex(d[:], s); err != nil {
				return attest.Policy{}, fmt.Errorf("%s: %w", l.name, err)
			}
			*l.to = append(*l.to, d)
		}
	}
	if err := m.identifiers(&p); err != nil {
		return attest.Policy{}, err
	}
	for _, s := range m.ChipIDs {
		var id [64]byte
		if err := unhex(id[:], s); err != nil {
			return attest.Policy{}, fmt.Errorf("chip_ids: %w", err)
		}
		if id == ([64]byte{}) {
			return attest.Policy{}, fmt.Errorf("%w: chip_ids: zeros are the mask of every chip", errUsage)
		}
		p.ChipIDs = append(p.ChipIDs, id)
	}
	if err := checkMinTCB(m.MinTCB, p.MinTCB); err != nil {
		return attest.Policy{}, err
	}
	maps.Copy(p.MinTCB, m.MinTCB)
	if len(p.Products) == 0 || len(p.Measurements) == 0 {
		return attest.Policy{}, fmt.Errorf("%w: products and measurements are required", errUsage)
	}
	if err := checkProducts(slices.AppendSeq(slices.Clone(p.Products), maps.Keys(p.MinMitigations)), p.MinTCB); err != nil {
		return attest.Policy{}, err
	}
	lists, err := m.revocationLists()
	if err != nil {
		return attest.Policy{}, err
	}
	p.RequireRevocationList = m.RequireRevocationList
	v := &snp.Verifier{Policy: p, RevocationLists: lists}
	out := attest.Policy{Verifiers: []attest.Verifier{v}}
	if len(m.InsecureSimulatedRoots) > 0 {
		out.InsecureAcceptSimulated = true
		simulated := &snp.Verifier{Policy: p, RevocationLists: lists}
		for _, s := range m.InsecureSimulatedRoots {
			r := snp.Root{Product: snp.Genoa} // the only line that the simulator makes
			if err := unhex(r.SPKI[:], s); err != nil {
				return attest.Policy{}, fmt.Errorf("insecure_simulated_roots: %w", err)
			}
			simulated.InsecureRoots = append(simulated.InsecureRoots, r)
		}
		out.Verifiers = append(out.Verifiers, simulated)
	}
	return out, nil
}

// identifiers reads what a guest was launched as, where the policy says.
func (m machinePolicy) identifiers(p *snp.Policy) error {
	var family, image [16]byte
	var host [32]byte
	for _, f := range []struct {
		name, hex string
		to        []byte
	}{{"family_id", m.FamilyID, family[:]}, {"image_id", m.ImageID, image[:]}, {"host_data", m.HostData, host[:]}} {
		if f.hex == "" {
			continue
		}
		if err := unhex(f.to, f.hex); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if m.FamilyID != "" {
		p.FamilyID = &family
	}
	if m.ImageID != "" {
		p.ImageID = &image
	}
	if m.HostData != "" {
		p.HostData = &host
	}
	return nil
}

// insecure lists what the policy gives up.
func (m machinePolicy) insecure() []string {
	out := []string{}
	if len(m.InsecureSimulatedRoots) > 0 {
		out = append(out, "INSECURE: simulated machines are accepted; no hardware stands behind them")
	}
	if m.InsecureAllowMaskedChip {
		out = append(out, "INSECURE: masked chip ids are accepted under chip certificates")
	}
	if m.TDX != nil {
		out = append(out, m.TDX.insecure()...)
	}
	return out
}

// checkProducts refuses names that are no product, and products that every machine of would be refused for want of a floor.
func checkProducts(products []snp.Product, floors map[snp.Product]snp.TCB) error {
	known := []snp.Product{snp.Milan, snp.Genoa, snp.Turin}
	for _, p := range products {
		if _, ok := floors[p]; !ok && slices.Contains(known, p) {
			return fmt.Errorf("%w: products: %s has no floor: give min_tcb", errUsage, p)
		}
	}
	for _, p := range slices.Concat(products, slices.Collect(maps.Keys(floors))) {
		if !slices.Contains(known, p) {
			return fmt.Errorf("%w: %q is no product: want one of %v", errUsage, p, known)
		}
	}
	return nil
}

// checkMinTCB refuses floors below the known ones: a component that was left out would let firmware with published attacks in.
func checkMinTCB(given, known map[snp.Product]snp.TCB) error {
	for product, t := range given {
		k := known[product]
		if t == (snp.TCB{}) || t.FMC < k.FMC || t.Bootloader < k.Bootloader || t.TEE < k.TEE || t.SNP < k.SNP || t.Microcode < k.Microcode {
			return fmt.Errorf("%w: min_tcb of %s: %v is no floor, or below %v", errUsage, product, t, k)
		}
	}
	return nil
}

// maxRevocationList bounds a file in bytes; AMD's lists have less than 1 KiB.
const maxRevocationList = 1 << 20

// revocationLists reads the lists. One that cannot be read would refuse every machine later.
func (m machinePolicy) revocationLists() ([][]byte, error) {
	if m.RequireRevocationList && len(m.RevocationLists) == 0 {
		return nil, fmt.Errorf("%w: require_revocation_list without revocation_lists", errUsage)
	}
	var out [][]byte
	for _, path := range m.RevocationLists {
		der, err := readFile(path, maxRevocationList)
		if err != nil {
			return nil, fmt.Errorf("revocation_lists: %w", err)
		}
		if _, err := x509.ParseRevocationList(der); err != nil {
			return nil, fmt.Errorf("%w: revocation_lists: %s: %w", errUsage, path, err)
		}
		out = append(out, der)
	}
	return out, nil
}
