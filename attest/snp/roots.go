package snp

import (
	"encoding/hex"
)

// A Root is a trust anchor: the SHA-256 of the SubjectPublicKeyInfo of a product's root key (ARK).
type Root struct {
	Product Product
	SPKI    [32]byte
}

// AMDRoots returns AMD's root keys, as published by its Key Distribution Service
// (https://kdsintf.amd.com/vcek/v1/{product}/cert_chain) for Milan, Genoa and Turin.
func AMDRoots() []Root {
	return []Root{
		{Milan, pin("9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9")},
		{Genoa, pin("429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831")},
		{Turin, pin("4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08")},
	}
}

func pin(s string) [32]byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		panic("snp: internal error: bad pin")
	}
	return [32]byte(b)
}

// revoked reports whether AMD revoked an intermediate certificate: serial 020001, the first ASK of Genoa, in the CRL of
// ARK-Genoa since 2022-10-31.
func revoked(p Product, serial string) bool { return p == Genoa && serial == "131073" }
