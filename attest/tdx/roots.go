package tdx

import "encoding/hex"

// intelRoot is the SHA-256 of the SubjectPublicKeyInfo of the Intel SGX Root CA, under which PCK certificates, revocation lists and
// the collateral of TDX stand (https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.pem).
var intelRoot = pin("a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e")

func pin(s string) [32]byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		panic("tdx: internal error: bad pin")
	}
	return [32]byte(b)
}
