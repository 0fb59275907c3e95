//go:build !noasm

package sha256x

import "sync"

// features says which kernels this processor and its operating system can run (Intel SDM volume 2, CPUID; volume 1, section
// 15.2 for AVX-512: the system must save the mask and the upper vector registers, bits 1, 2 and 5 to 7 of XCR0).
var features = sync.OnceValue(func() (f struct{ pair, wide bool }) {
	const (
		ssse3, sse41, osxsave            = 1 << 9, 1 << 19, 1 << 27           // leaf 1, ECX
		sha, avx512f, avx512bw, avx512vl = 1 << 29, 1 << 16, 1 << 30, 1 << 31 // leaf 7, EBX
		zmm                              = 0xe6
	)
	top, vendor, _, _ := cpuid(0)
	if top < 7 {
		return f
	}
	_, _, ecx, _ := cpuid(1)
	_, ebx, _, _ := cpuid(7)
	has := func(register, bits uint32) bool { return register&bits == bits }
	f.pair = has(ecx, ssse3|sse41) && has(ebx, sha)
	// AMD's processors have not been measured with AVX-512, and take more from two streams than Intel's.
	intel := vendor == 'G'|'e'<<8|'n'<<16|'u'<<24
	f.wide = intel && has(ebx, avx512f|avx512bw|avx512vl) && has(ecx, osxsave) && has(xcr0(), zmm)
	return f
})

// Sixteen streams in vectors take as long as seven or eight with the instructions for SHA-256, or ten as pairs; see the package
// comment. Without those instructions crypto/sha256 takes about twice as long for a stream.
const (
	manyBesidePairs = 11
	manyBesideOne   = 5
)

func available() kernels {
	f := features()
	switch {
	case f.wide && f.pair:
		return kernels{pair: true, many: manyBesidePairs}
	case f.wide:
		return kernels{many: manyBesideOne}
	}
	return kernels{pair: f.pair}
}

// blocks2 runs pa through ha and pb through hb. Both have the same length, a multiple of the block size and not 0.
func blocks2(ha, hb *[8]uint32, pa, pb []byte) {
	// Where the one unit for SHA instructions is the bottleneck, vectors of 256 bits make the message schedule more cheaply:
	// so it is on Intel's processors (1.36 times one stream against 1.21).
	if features().wide {
		pairWide(ha, hb, &pa[0], &pb[0], len(pa)/blockSize, &k)
	} else {
		pair(ha, hb, &pa[0], &pb[0], len(pa)/blockSize, &k)
	}
}

// blocks16 runs n blocks, not 0, from p[i] on through stream i, whose state is h[0][i] to h[7][i].
func blocks16(h *[8][16]uint32, p *[16]*byte, n int) { sixteen(h, p, n, &k) }

func cpuid(leaf uint32) (eax, ebx, ecx, edx uint32)

func xcr0() uint32

//go:noescape
func pair(ha, hb *[8]uint32, pa, pb *byte, n int, k *[64]uint32)

//go:noescape
func pairWide(ha, hb *[8]uint32, pa, pb *byte, n int, k *[64]uint32)

//go:noescape
func sixteen(h *[8][16]uint32, p *[16]*byte, n int, k *[64]uint32)
