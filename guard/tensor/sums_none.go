//go:build noasm || !amd64

package tensor

func sums(b []byte, mag, room uint64) uint64 { return sumsGo(b, mag, room) }
