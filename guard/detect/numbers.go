package detect

import "math/bits"

// Codes that are longer than what they say by far: bytes as numbers, Morse code, lines of base64 and of uuencode, invisible bits.

// maxNumber is the length of the longest number that stands for a byte, in bytes: eight binary digits, "0x69".
const maxNumber = 8

// minNumbers is the least number of numbers in a row that are taken for bytes.
const minNumbers = minHex / 2

// numberGap reports whether c may stand between numbers.
func numberGap(c byte) bool {
	return c == ' ' || c == ',' || c == ':' || c == ';' || c == '\n' || c == '\t'
}

// A numeral is a way to write a byte: a base, and the least and the highest number of digits.
type numeral struct{ base, least, most int }

const (
	inBinary = iota
	inHexadecimal
	inDecimal
	inOctal
)

var numerals = [...]numeral{{2, 8, 8}, {16, 2, 2}, {10, 2, 3}, {8, 3, 3}}

// firstNumber returns a bit for each numeral in which an unbroken run of the given length in front of s may be a number, the first of a row.
func firstNumber(s []byte, run int) (may uint8) {
	switch {
	case run == 2:
		if h, l := hexValue(s[0]), hexValue(s[1]); h|l >= 0 {
			may = mayBeSaid[h<<4|l] << inHexadecimal
			if h < 10 && l < 10 {
				may |= mayBeSaid[10*h+l] << inDecimal
			}
		}
	case run == 3 && s[0] < '4' && s[1] <= '9':
		may = 1<<inDecimal | 1<<inOctal
	case run == 4 && s[0] == '0' && s[1]|0x20 == 'x':
		may = 1 << inHexadecimal
	case run >= maxNumber && s[0]|1 == '1':
		may = 1 << inBinary
	}
	return may
}

// mayBeSaid is 1 for bytes that numbers stand for.
var mayBeSaid = func() (t [256]uint8) {
	for c := range 256 {
		if c >= ' ' || c == '\n' || c == '\t' || c == '\r' {
			t[c] = 1
		}
	}
	return t
}()

// numbers decodes bytes written as numbers of one base with something between them ("49 67 6e", "0x49, 0x67", "105,103,110", "01101001 01100111")
// or as binary digits in a row, and returns the length of all of it. An unbroken run of the given length is in front.
func (d *decoder) numbers(s []byte, run int) int {
	if len(s) > d.dead {
		return 0
	}
	reached := 0
	for may := firstNumber(s, run); may != 0; may &= may - 1 {
		k := bits.TrailingZeros8(may)
		if len(s) > d.short[k] {
			continue
		}
		start := len(d.out)
		n, count, stop := d.numeralsOf(s, &numerals[k])
		if count >= minNumbers {
			if readable(d.out[start:]) {
				return n
			}
			reached = max(reached, n)
		}
		d.out = d.out[:start]
		d.short[k] = len(s) - stop - 1
	}
	if reached > 0 {
		d.dead = len(s) - reached
	}
	return 0
}

// numeralsOf decodes as many numbers as there are, and returns their length, how many they were and where what is none begins.
func (d *decoder) numeralsOf(s []byte, f *numeral) (length, count, stop int) {
	n, out := 0, d.out
	for n < len(s) {
		if f.base == 16 && s[n] == '0' && n+1 < len(s) && s[n+1]|0x20 == 'x' {
			n += 2
		}
		v, k := 0, n
		for end := min(n+f.most, len(s)); k < end; k++ {
			x := int(uint8(hexValues[s[k]])) // of what is no digit 255
			if x >= f.base {
				break
			}
			v = v*f.base + x
		}
		if k-n < f.least || v > 0xff || mayBeSaid[v] == 0 {
			break
		}
		next := k
		for next < len(s) && next < k+2 && codeChar[s[next]]&inGap != 0 {
			next++
		}
		if next == k && f.base != 2 && k < len(s) && codeChar[s[k]]&inBase64 != 0 {
			break
		}
		out, length, count = append(out, byte(v)), k, count+1
		if next == k && f.base != 2 { // the last one
			break
		}
		n = next
	}
	d.out = out
	return length, count, n
}

// lines decodes base64 that goes on from one line to the next, if it says something readable, and returns its length.
func (d *decoder) lines(s []byte, first int) int {
	if len(s) > d.dead || first == len(s) || s[first] != '\n' && s[first] != '\r' {
		return 0
	}
	start, n, lines := len(d.out), first, 1
	for n < len(s) {
		at := n
		if s[at] == '\r' && at+1 < len(s) {
			at++
		}
		if s[at] != '\n' {
			break
		}
		end := at + 1
		for end < len(s) && codeChar[s[end]]&inBase64 != 0 {
			end++
		}
		if end == at+1 || end-at-1 > first || end < len(s) && s[end] != '\n' && s[end] != '\r' && s[end] != '=' {
			break
		}
		n, lines = end, lines+1
	}
	if lines == 1 {
		return 0
	}
	for at := 0; at < n; at++ {
		end := at
		for end < n && codeChar[s[end]]&inBase64 != 0 {
			end++
		}
		d.out = append(d.out, s[at:end]...)
		at = end
	}
	run := d.out[start:]
	d.out = d.out[:start]
	if (len(run) > codePiece || mayBeBase64(run)&1 != 0) && d.base64(run) {
		return n
	}
	d.dead = len(s) - n
	return 0
}

// minMorse is the least number of letters of Morse code, minMorseKinds that of different ones among them, as a rule of dashes is none, and
// minMorseSize their length in bytes.
const (
	minMorse      = 8
	minMorseKinds = 4
	minMorseSize  = 3*minNumbers - 1
)

// morseLetters has the letters by their dots and dashes as 0 and 1, with a 1 in front.
const morseLetters = "  etianmsurwdkgohvf l pjbxcyzq  54 3   2       16       7   8 90"

func morseLetter(code int) byte {
	if code < len(morseLetters) && morseLetters[code] != ' ' {
		return morseLetters[code]
	}
	return 0
}

// morse decodes Morse code and returns its length.
func (d *decoder) morse(s []byte) int {
	if len(s) > min(d.dead, d.short[len(numerals)]) {
		return 0
	}
	start, count, n, kinds := len(d.out), 0, 0, uint32(0)
	for k := 0; k < len(s); {
		code, end := 1, k
		for end < len(s) && end-k < 6 && (s[end] == '.' || s[end] == '-') {
			code = code<<1 | int(s[end]&1) // of "." it is 0
			end++
		}
		c := morseLetter(code)
		if end == k || c == 0 || end < len(s) && codeChar[s[end]]&inMorse == 0 {
			break
		}
		d.out = append(d.out, c)
		kinds |= 1 << (c & 31)
		count, n = count+1, end
		word := false
		for k = end; k < len(s) && k-end < 4 && s[k] != '.' && s[k] != '-' && codeChar[s[k]]&inMorse != 0; k++ {
			word = word || s[k] != ' ' || k > end+1
		}
		if k == end {
			break
		}
		if word {
			d.out = append(d.out, ' ')
		}
	}
	if count >= minMorse && n >= minMorseSize && bits.OnesCount32(kinds) >= minMorseKinds {
		return n
	}
	d.out = d.out[:start]
	if count >= minMorse {
		d.dead = len(s) - n
	}
	d.short[len(numerals)] = len(s) - max(n, 1)
	return 0
}

// uuLine returns the length of the line of uuencode that s begins with, or 0: its first character tells how many there are, and none
// is a small letter.
func uuLine(s []byte) int {
	if len(s) < 2 || s[0] < ' '+minUU || s[0] > ' '+45 {
		return 0
	}
	n := 1 + (int(s[0]-' ')+2)/3*4
	if len(s) < n || len(s) > n && s[n] != '\n' && s[n] != '\r' {
		return 0
	}
	for _, c := range s[1:n] {
		if c < ' ' || c > '`' {
			return 0
		}
	}
	return n
}

// minUU is the least number of bytes that a line of uuencode says: shorter ones are words.
const minUU = 9

// uu decodes what begins with a line of the given length, if it says something readable, and returns its length.
func (d *decoder) uu(s []byte, length int) int {
	start, size := len(d.out), int(s[0]-' ')
	for line := s[1:length]; len(line) >= 4; line = line[4:] {
		x := uint32(line[0]-' ')&63<<18 | uint32(line[1]-' ')&63<<12 | uint32(line[2]-' ')&63<<6 | uint32(line[3]-' ')&63
		d.out = append(d.out, byte(x>>16), byte(x>>8), byte(x))
	}
	d.out = d.out[:start+size]
	if !readable(d.out[start:]) {
		d.out = d.out[:start]
		return 0
	}
	if length < len(s) && uuLine(s[length+1:]) > 0 { // a word may go on in the next line
		length++
	}
	return length
}
