//go:build noasm || !(amd64 || arm64)

package sha256x

func available() kernels { return kernels{} }

func blocks2(_, _ *[8]uint32, _, _ []byte) {
	panic("sha256x: internal error: no assembly")
}

func blocks16(_ *[8][16]uint32, _ *[16]*byte, _ int) {
	panic("sha256x: internal error: no assembly")
}
