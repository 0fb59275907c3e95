// Package interop runs other implementations against ours. Its tests need their tools, which the setup scripts beside them
// install, pinned: go test -tags interop ./internal/interop
package interop
