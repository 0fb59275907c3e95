// Package sha256x hashes several independent streams with SHA-256 (FIPS 180-4) at once on one core.
//
// The SHA instructions of a processor take longer than they occupy their unit: one stream, each of whose steps needs the
// one before, leaves the unit idle, and a second stream in the same loop fills it. SHA256RNDS2 takes 4 cycles on Intel's
// Golden Cove and occupies its unit for 3: the gain is 1.36 there, which is this bound. A measurement on AMD's Zen 3, where
// it is 4 to 2, gave 1.8.
//
// Vectors of 512 bits hold one word of sixteen streams each, and 1700 instructions, two in a cycle, take them all through one
// block: 2.2 times one stream on Golden Cove, as long as there are sixteen. With fewer, the work is the same, so ten and
// fewer go in pairs. Eight streams in vectors of 256 bits beside a pair on the other unit would come to the same, as the SHA
// instructions share a port with the vectors.
//
// A stream is a [hash.Hash] of crypto/sha256: [Streams.Write] takes the states of several out of their documented way of
// being saved (encoding.BinaryAppender), runs whole blocks of them together, and puts the states back. So padding, odd
// lengths and everything else stay the standard library's, and wherever the instructions are missing, in FIPS 140-3 mode,
// with the build tag noasm, and for any other hash, Streams.Write simply writes to one hash after the other.
package sha256x
