//go:build noasm || !amd64

package detect

const wideBytes = false

func lowerWide(_, _ []byte, _, _ bool) int { return 0 }

func (x *features) plain(text []byte, most, n int) int { return x.plainGo(text, most, n) }

func (s *byteSet) mask(text []byte) uint64 { return s.maskGo(text) }
