//go:build !unix

package sign

const nonblock = 0
