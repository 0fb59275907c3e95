package keyrelease

import "time"

// Bounds on what comes from outside, each with its reason.
const (
	// MaxEvidence bounds evidence in bytes: a CPU report with its certificates has some 10 KiB, a GPU chain some 100 KiB.
	MaxEvidence = 1 << 20
	// DefaultLifetime is how long a challenge is good for: time for a slow device to make its report.
	DefaultLifetime = 2 * time.Minute
	// MaxLifetime bounds [ServerConfig.Lifetime]: evidence is as fresh as its challenge.
	MaxLifetime = 10 * time.Minute
	// DefaultConcurrent is how many releases a server works on at once: verifying evidence costs milliseconds of CPU.
	DefaultConcurrent = 32

	// bodiesPerWork is how many bodies are read at once for each release that is worked on. Each is at most maxRequest in
	// memory. After its burst the default rate of one address lets in fewer while these are read, so that one slow sender does
	// not keep everybody else out for long.
	bodiesPerWork = 8

	// maxReading bounds how long a body is read: slow senders hold places.
	maxReading = 10 * time.Second

	// maxDeciding bounds verifying and unwrapping, which may wait for a vendor and a KMS, and hold a place meanwhile.
	maxDeciding = time.Minute

	maxRequest  = 2 << 20   // base64 of evidence, and the rest
	maxResponse = 256 << 10 // a keyset has some hundred bytes, and HPKE adds 1.1 KiB
	maxClaims   = 4 << 10
	maxUsed     = 1 << 16 // challenges remembered in one lifetime
	maxReason   = 512     // bytes of a foreign text in the audit log
	maxFields   = 16      // of a message: six at most are known, and a list of numbers in the place of bytes would be long
)
