//go:build noasm || !(amd64 || arm64)

package sha256x

func lanes() int { return 1 }

func blocks2(_, _ *[8]uint32, _, _ []byte) {
	panic("sha256x: internal error: no assembly")
}
