//go:build noasm || !amd64

package detect

func lowerRun(dst, text []byte, space, start bool) int { return lowerRunGo(dst, text, space, start) }

func (x *features) plain(text []byte, most, n int) int { return x.plainGo(text, most, n) }
