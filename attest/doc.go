// Package attest says which machine serves which model, and checks it: evidence of a trusted execution environment,
// the claims that its key signs, and the policy of a relying party (docs/SPEC.md sections 4 and 5).
//
// Packages snp and tdx know what the hardware of AMD and of Intel says.
//
// # Serving side
//
// [NewIdentity] makes the key K inside the TEE; it never leaves memory. [NewChain] signs the epoch-0 [Claims] by K and asks
// the [Device] for one hardware quote over both. [Chain.Next] chains further epochs (a reload of the guard's policy)
// without a new quote. [Chain.Document] is what a relying party fetches.
//
// # Relying side
//
// [VerifyChain] checks a document against a [Policy], whose zero value refuses, and returns a [*Statement], the only way
// to a key that was attested. [Explain] lists every check of a verdict.
//
// # Freshness
//
// A quote is slow and rate-limited by the hypervisor, so it is made per chain and not per connection. Its challenge is
// SHA-256(T("holdfast/serve-challenge/v1", random[32], unix seconds)) over values that the document carries, and
// [Policy.MaxAge] bounds that time; the TEE's clock may be the host's, so this bounds honest ageing and is no proof of
// liveness. A relying party that wants proof sends its own challenge ([Chain.Fresh]), and the quote is then made over it.
// That a *connection* ends in the TEE now is shown by package channel: K signs the exporter of that very TLS connection.
package attest
