package snp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
)

// Entries of the certificate table that a host hands to its guest (GHCB specification, section 4.1.8.1), each
// GUID[16] || offset[4] || length[4], ended by one of zeros.
const (
	guidVCEK = "63da758de6644564adc5f4b93be8accd"
	guidVLEK = "a8074bc2a25a483eaae639c045a0b8a1"
	guidASK  = "4ab7b379bbac4fe4a02f05aef327c782"
	guidARK  = "c0b406a4a803495297433fb6014cd0ae"

	tableEntry = 24
	maxEntries = 32 // seven GUIDs are defined
)

// ParseCertTable returns the certificates of a table as evidence carries them: report key, ASK or ASVK, ARK, those that are
// there. Unknown entries are passed over; duplicate ones, and offsets outside, are refused. Errors: [attest.ErrFormat].
func ParseCertTable(b []byte) ([][]byte, error) {
	found, err := parseTable(b)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, g := range []string{guidVCEK, guidVLEK, guidASK, guidARK} {
		if found[g] != nil {
			out = append(out, found[g])
		}
	}
	return out, nil
}

// Certificates returns the certificates of evidence from those that are given and the host's table, which may be empty: the
// table's where none are given, the given ones where they are all three, and the table's report key in front of the given ones
// where these are two, ASK or ASVK, and ARK: hosts with VLEKs leave those out. Errors: [attest.ErrFormat].
func Certificates(given [][]byte, table []byte) ([][]byte, error) {
	switch {
	case len(given) == 0 && len(table) > 0:
		return ParseCertTable(table)
	case len(given) != 2 || len(table) == 0:
		return given, nil
	}
	found, err := parseTable(table)
	if err != nil {
		return nil, err
	}
	for _, g := range []string{guidVCEK, guidVLEK} {
		if found[g] != nil {
			return [][]byte{found[g], given[0], given[1]}, nil
		}
	}
	return given, nil
}

// parseTable returns the entries of a table by GUID in hex.
func parseTable(b []byte) (map[string][]byte, error) {
	found := map[string][]byte{}
	for i := 0; ; i++ {
		if i == maxEntries || len(b) < (i+1)*tableEntry {
			return nil, fmt.Errorf("%w: certificate table without end", attest.ErrFormat)
		}
		e := b[i*tableEntry:][:tableEntry]
		if zero(e) {
			break
		}
		guid := hex.EncodeToString(e[:16])
		off, n := uint64(binary.LittleEndian.Uint32(e[16:])), uint64(binary.LittleEndian.Uint32(e[20:]))
		if off+n > uint64(len(b)) || n == 0 {
			return nil, fmt.Errorf("%w: certificate table entry %d lies outside", attest.ErrFormat, i)
		}
		if _, dup := found[guid]; dup {
			return nil, fmt.Errorf("%w: certificate table names %s twice", attest.ErrFormat, guid)
		}
		found[guid] = b[off : off+n]
	}
	if found[guidVCEK] != nil && found[guidVLEK] != nil {
		return nil, fmt.Errorf("%w: certificate table with VCEK and VLEK", attest.ErrFormat)
	}
	return found, nil
}
