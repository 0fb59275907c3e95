// Package langchaingo has the client library langchaingo talk to a guard, in a module of its own for the sake of its
// dependencies.
//
// Run with: go -C internal/interop/langchaingo test ./...
package langchaingo
