//go:build race

package testkit

// Race reports whether the race detector is on. It makes sync.Pool forget at random, so counts of allocations mean
// nothing under it.
const Race = true
