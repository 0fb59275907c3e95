// Package keyrelease hands the keyset of a sealed model to a machine that proves what it is and what it will serve
// (docs/SPEC.md section 7). [Client] runs in the guest and is a [seal.KeySource]; [Server] is an [http.Handler].
//
//	guest                                              server
//	  |  POST /v1/challenge                              |
//	  |<------- token = expiry || nonce || MAC, signed --|
//	  |  make HPKE key E; claims = {name, min version, H(seal.json), commitment, config}
//	  |  evidence over SHA-512(T("holdfast/report-data/v1", "release", challenge, KeyHash(E), absent, H(claims)))
//	  |  POST /v1/release {token, E, claims, evidence} ->|  check token, evidence, claims
//	  |<-- HPKE-sealed to E, info = transcript, signed --|  {keyset, server time, floors}
//
// HPKE is MLKEM768X25519 with HKDF-SHA256 and AES-256-GCM; there is no other suite to fall back to. The server proves its
// identity with an ECDSA P-256 key that the guest pins; it signs every challenge and every response, so TLS below is
// welcome and not needed for what follows.
//
// # What holds
//
// The answer opens only with E, whose private half never leaves the process that made it, and the evidence names E: a
// recorded or relayed exchange gives its holder nothing. The challenge dates the evidence, is bound to the server's key,
// and is released against once within its lifetime (per server process, see [ServerConfig]). The claims are in the evidence,
// so a host cannot change them; the server releases only to a configuration digest it knows, for a commitment it holds, at
// or above the model's minimum version.
//
// The guest's clock and disk belong to its host, so the guest takes server time, minimum version, deny list and rule
// version as floors ([Floors]) and takes no keyset below them.
//
// The server rations requests by address and releases by chip, keeps a record of every decision ([Journal]) before it
// answers, and may unwrap each keyset only when it releases it ([Version]).
//
// [Federated] is for KMSs that know attested identities instead: weaker, and it says how. docs/keyrelease.md has the protocol
// byte by byte, with vectors.
//
// # What does not hold
//
// Whoever blocks the network stops the release. A refusal is not signed: it can be forged, and does no more than blocking.
// A machine that was given the keyset keeps it; raising a minimum version stops the next release only.
package keyrelease
