//go:build !noasm

package detect

// marksOf is marksGo.
//
//go:noescape
func marksOf(m *marks, sets *[5][16]uint8, text *[64]byte)

func (m *marks) of(text *[64]byte) {
	if wideBytes {
		marksOf(m, &codeSets, text)
		return
	}
	m.goOf(text)
}
