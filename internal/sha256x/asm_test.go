//go:build !noasm && (amd64 || arm64)

package sha256x

const noasm = false
