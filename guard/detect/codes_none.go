//go:build noasm || !amd64

package detect

func (m *marks) of(text *[64]byte) { m.goOf(text) }
