//go:build !noasm

package sha256x

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync"
)

// hasSHA2 says whether the SHA-256 instructions are there. Linux tells it in the auxiliary vector; every processor of
// Apple's that runs this has them; elsewhere nobody was asked yet.
var hasSHA2 = sync.OnceValue(func() bool {
	const atHWCAP, hwcapSHA2 = 16, 1 << 6
	switch runtime.GOOS {
	case "darwin", "ios":
		return true
	case "linux", "android":
		aux, _ := os.ReadFile("/proc/self/auxv")
		for ; len(aux) >= 16; aux = aux[16:] {
			if binary.LittleEndian.Uint64(aux) == atHWCAP {
				return binary.LittleEndian.Uint64(aux[8:])&hwcapSHA2 != 0
			}
		}
	}
	return false
})

func available() kernels { return kernels{pair: hasSHA2()} }

// blocks2 runs pa through ha and pb through hb. Both have the same length, a multiple of the block size and not 0.
func blocks2(ha, hb *[8]uint32, pa, pb []byte) {
	pair(ha, hb, &pa[0], &pb[0], len(pa)/blockSize, &k)
}

func blocks16(_ *[8][16]uint32, _ *[16]*byte, _ int) {
	panic("sha256x: internal error: no assembly for many streams")
}

//go:noescape
func pair(ha, hb *[8]uint32, pa, pb *byte, n int, k *[64]uint32)
