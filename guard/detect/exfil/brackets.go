package exfil

// Brackets pair "[" with "]" as Markdown does within a paragraph, so that of "](…)" it is known whether an image is loaded from there: "[![a](1)](2)" loads
// the first alone, "![a [b](1)](2)" the second. Where they cannot be paired for sure, an image counts.
type brackets struct {
	open    uint64 // the innermost lowest: 1 for an image
	n       int    // how many are open
	unsure  bool   // more than 64 are, or an escape, code or markup stands among them, which pairs before brackets do
	images  bool   // one was opened in this paragraph
	closed  bool   // what the last "]" closed is an image, or part of one
	image   bool   // the last "](" is that of an image
	prev    byte   // the last byte
	newline bool   // the line is empty so far
}

// take takes a byte of the text. Of those that are part of a word only the last needs to be given.
func (b *brackets) take(c byte) {
	switch c {
	case '[':
		image := b.prev == '!'
		b.images = b.images || image
		b.unsure = b.unsure || b.n == 64 || b.prev == '\\'
		b.open <<= 1
		if b.n++; image {
			b.open |= 1
		}
	case ']':
		b.unsure = b.unsure || b.prev == '\\'
		if b.closed = b.open != 0; b.n > 0 {
			b.open >>= 1
			b.n--
		} else {
			b.closed = b.images
		}
	case '(':
		if b.prev == ']' {
			b.image = b.closed || b.unsure && b.images
		}
	case '`', '<':
		b.unsure = b.unsure || b.n > 0
	case '\n':
		if b.newline { // no image goes on behind an empty line
			*b = brackets{}
		}
		b.newline = true
	}
	b.other(c)
}

// other takes a byte that is none of those.
func (b *brackets) other(c byte) {
	if !space(c) {
		b.newline = false
	}
	b.prev = c
}
