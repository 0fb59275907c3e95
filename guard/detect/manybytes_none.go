//go:build noasm || !amd64

package detect

const wideBytes = false

func lowerMany(dst, text []byte, space, start bool) int { return lowerRun(dst, text, space, start) }

func (x *features) plain(text []byte, most, n int) int { return x.plainGo(text, most, n) }

func (s *byteSet) mask(text []byte) uint64 { return s.maskGo(text) }

func breaksIn(text *[64]byte) (marks, letters, odd uint64) { return breaksInGo(text) }
