package tdx

import (
	"encoding/asn1"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
)

// An entry is one of the values in Intel's extension of PCK certificates.
type entry struct {
	ID    asn1.ObjectIdentifier
	Value asn1.RawValue
}

// sgx is the identifier of the extension; its parts stand below it (Intel SGX PCK Certificate and CRL Profile Specification,
// section 1.3.5).
const sgx = "1.2.840.113741.1.13.1"

// extension reads Intel's extension of the PCK certificate.
func (p *pck) extension() error {
	var raw []byte
	for _, e := range p.chain[0].Extensions { // x509 has refused duplicates
		if e.Id.String() == sgx {
			raw = e.Value
		}
	}
	parts, err := entries(raw)
	if err != nil {
		return err
	}
	tcb, err := entries(parts[sgx+".2"].FullBytes)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		id string
		to []byte
	}{{sgx + ".1", p.ppid[:]}, {sgx + ".3", p.pceID[:]}, {sgx + ".4", p.fmspc[:]}} {
		v := parts[f.id]
		if v.Class != asn1.ClassUniversal || v.Tag != asn1.TagOctetString || len(v.Bytes) != len(f.to) {
			return badExtension(f.id)
		}
		copy(f.to, v.Bytes)
	}
	for i := range p.svn {
		n, err := level(tcb, fmt.Sprintf("%s.2.%d", sgx, i+1), 255)
		if err != nil {
			return err
		}
		p.svn[i] = uint8(n)
	}
	n, err := level(tcb, sgx+".2.17", 65535)
	p.pceSVN = uint16(n)
	return err
}

// entries reads a sequence of pairs of identifier and value, none of them twice.
func entries(der []byte) (map[string]asn1.RawValue, error) {
	var list []entry
	if rest, err := asn1.Unmarshal(der, &list); err != nil || len(rest) != 0 {
		return nil, badExtension(sgx)
	}
	out := map[string]asn1.RawValue{}
	for _, e := range list {
		id := e.ID.String()
		if _, twice := out[id]; twice {
			return nil, badExtension(id)
		}
		out[id] = e.Value
	}
	return out, nil
}

func level(parts map[string]asn1.RawValue, id string, most int) (int, error) {
	var n int
	if rest, err := asn1.Unmarshal(parts[id].FullBytes, &n); err != nil || len(rest) != 0 || n < 0 || n > most {
		return 0, badExtension(id)
	}
	return n, nil
}

func badExtension(id string) error {
	return fmt.Errorf("%w: PCK certificate: extension %s", attest.ErrFormat, id)
}
