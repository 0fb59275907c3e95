// Package tink lets google/tink/go v1.7.0, the last release under that name, judge what package seal writes, and the
// reverse, given the keyset in clear. It lives on as tink-crypto/tink-go, which the ordinary tests of seal compare with.
//
// The two cannot be linked into one program, as both register the same protocol buffers: the older one runs as the program
// in peer. Run with: go -C internal/interop/tink test ./...
package tink
