//go:build !noasm

package tensor

// sumsSSE2 is sums over blocks of 128 bytes from b on.
//
//go:noescape
func sumsSSE2(b *byte, blocks int, mag, room uint64) uint64

// preemptBlocks is how many blocks are read in one go, some 10 µs of work: the scheduler cannot stop assembly.
const preemptBlocks = 2048

// sums is sumsGo with wider registers.
func sums(b []byte, mag, room uint64) uint64 {
	var s uint64
	for n := len(b) / 128; n > 0; {
		some := min(n, preemptBlocks)
		s |= sumsSSE2(&b[0], some, mag, room)
		b, n = b[128*some:], n-some
	}
	return s
}
