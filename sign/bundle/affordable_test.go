package bundle

import (
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"testing"
)

// The bounds of key derivations, one parameter at a time.
func TestAffordable(t *testing.T) {
	type pbkdf2 struct {
		Salt []byte
		N    int
	}
	type scrypt struct {
		Salt    []byte
		N, R, P int
	}
	asScrypt, asPBKDF2 := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	file := func(kdf any) []byte {
		der, err := asn1.Marshal(struct {
			Encryption any
			Data       []byte
		}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, struct {
			KDF    any
			Scheme any
		}{kdf, algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, make([]byte, 16)}}}, nil})
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})
	}
	const most = maxScryptMemory / 128
	for name, c := range map[string]struct {
		oid    asn1.ObjectIdentifier
		params any
		want   error
	}{
		"usual scrypt":       {asScrypt, scrypt{nil, 1 << 15, 8, 1}, nil},
		"least scrypt":       {asScrypt, scrypt{nil, 1, 1, 1}, nil},
		"most N":             {asScrypt, scrypt{nil, most, 1, 1}, nil},
		"more N":             {asScrypt, scrypt{nil, most + 1, 1, 1}, errCostly},
		"N and R":            {asScrypt, scrypt{nil, most / 8, 8, 1}, nil},
		"N and more R":       {asScrypt, scrypt{nil, most / 8, 9, 1}, errCostly},
		"R and P":            {asScrypt, scrypt{nil, 1, most / 8, 8}, nil},
		"R and more P":       {asScrypt, scrypt{nil, 1, most / 8, 9}, errCostly},
		"most work":          {asScrypt, scrypt{nil, most / 8, 8, 4}, nil},
		"more work":          {asScrypt, scrypt{nil, most / 8, 8, 5}, errCostly},
		"no N":               {asScrypt, scrypt{nil, 0, 8, 1}, errDamaged},
		"no R":               {asScrypt, scrypt{nil, 16, 0, 1}, errDamaged},
		"no P":               {asScrypt, scrypt{nil, 16, 8, 0}, errDamaged},
		"scrypt of PBKDF2":   {asScrypt, pbkdf2{nil, 1}, errDamaged},
		"usual PBKDF2":       {asPBKDF2, pbkdf2{nil, 600_000}, nil},
		"one iteration":      {asPBKDF2, pbkdf2{nil, 1}, nil},
		"most iterations":    {asPBKDF2, pbkdf2{nil, maxIterations}, nil},
		"more iterations":    {asPBKDF2, pbkdf2{nil, maxIterations + 1}, errCostly},
		"no iterations":      {asPBKDF2, pbkdf2{nil, 0}, errDamaged},
		"negative":           {asPBKDF2, pbkdf2{nil, -1}, errDamaged},
		"PBKDF2 of nothing":  {asPBKDF2, struct{}{}, errDamaged},
		"nothing of a known": {asn1.ObjectIdentifier{1, 2, 3}, asn1.RawValue{Tag: asn1.TagNull}, errDamaged},
	} {
		if err := affordable(file(algorithm{c.oid, c.params})); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, der := range map[string][]byte{"no DER": []byte("key"), "no scheme": {0x30, 0x09, 0x30, 0x05, 0x06, 0x01, 0x2a, 0x05, 0x00, 0x04, 0x00}} {
		if err := affordable(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := affordable([]byte("no PEM")); err != nil { // which the parser says
		t.Errorf("no PEM: %v", err)
	}
}
