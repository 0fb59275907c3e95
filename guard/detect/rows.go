package detect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// Rows of numbers that have the same between each two of them, whatever that is: "chr(105)+chr(103)", "69-67-6e", "U+0069 U+0067", "[105][103]",
// "0b01101001 0b01100111", groups and lines of hexadecimal digits. What stands in for bytes is another in each language of programs; that it is the same each time is not.

func digitBefore(s []byte, i int) bool { return i > 0 && digitAt(s, i-1) }

// A rowOf says how the numbers of a row are written.
type rowOf struct {
	base   int
	digits int    // of each number; 0 of decimal and octal ones, which have as many as they take
	gap    []byte // between two of them
}

const (
	maxRowGap     = 12      // bytes between two numbers, as in `) & ChrW(0x`
	minOfRow      = 3       // numbers: groups of digits say several bytes each
	minRowSaid    = 8       // bytes: fewer are a date or an address
	minGroupsSaid = 24      // of groups of digits
	maxGroup      = 128     // digits of one group
	longGroup     = 32      // digits, of which two groups are a row
	lastOfRow     = 0x1ffff // of characters: behind it stand none that people write but rare ideographs, and colours
)

func digitsOf(x uint64) uint64 { return between(x&^high, '0', '9') &^ x }

func digitAt(s []byte, i int) bool { return i < len(s) && s[i]-'0' < 10 }

// least returns how many bytes a row says at least: of groups more than the 16 of a line of a dump, which says no more than what stands beside it.
func (r *rowOf) least() int {
	if r.base == 16 && r.digits > 2 && !r.characters() {
		return minGroupsSaid
	}
	return minRowSaid
}

// digit reports whether numbers begin where c is and none was.
func (r *rowOf) digit(c byte) bool { return r.base == 16 && hexValue(c) >= 0 || c-'0' < 10 }

// number appends what the number at s[i:] stands for, and returns where it ends, or 0.
func (r *rowOf) number(out, s []byte, i int) ([]byte, int) {
	end, v := i, 0
	for end < len(s) && (r.digits == 0 || end < i+r.digits) {
		x := int(uint8(hexValues[s[end]])) // of what is no digit 255
		if x >= r.base || r.digits == 0 && end == i+4 {
			break
		}
		v = (v*r.base + x) & (1<<31 - 1)
		end++
	}
	n := end - i
	switch {
	case n == 0 || n < r.digits || r.base != 16 && v > 0xff || r.digits == 0 && (n < 2 || n == 4 && (r.base != 8 || s[i] != '0') || digitAt(s, end)):
		return out, 0
	case r.base != 16:
		return append(out, byte(v)), end
	case r.characters():
		if v > lastOfRow {
			return out, 0
		}
		return utf8.AppendRune(out, rune(v)), end
	}
	for ; i+1 < end; i += 2 {
		out = append(out, byte(pair(s, i)))
	}
	return out, end
}

// characters reports whether numbers are those of characters and not bytes one behind the other, by what stands in front of them.
func (r *rowOf) characters() bool {
	return r.digits >= 4 && r.digits <= 8 && len(r.gap) > 0 && bytes.IndexByte([]byte(`uU+\{`), r.gap[len(r.gap)-1]) >= 0
}

// next returns where the number begins behind the gap at s[i:], or 0. For white space other white space may stand, as where a line ends.
func (r *rowOf) next(s []byte, i int) int {
	if bytes.HasPrefix(s[i:], r.gap) {
		return i + len(r.gap)
	}
	for k := 0; k < len(r.gap); {
		if r.gap[k] > ' ' {
			if i >= len(s) || s[i] != r.gap[k] {
				return 0
			}
			i, k = i+1, k+1
			continue
		}
		start := i
		for i < len(s) && s[i] <= ' ' && i-start < maxRowGap {
			i++
		}
		if i == start {
			return 0
		}
		for k < len(r.gap) && r.gap[k] <= ' ' {
			k++
		}
	}
	return i
}

// lock finds what is between the numbers of the row that has one at s[i:], by three of them, or two long ones.
func (r *rowOf) lock(s []byte, i int) bool {
	first := r.reads(s, i)
	if first == 0 {
		return false
	}
	for k, tries := first+1, 3; k <= first+maxRowGap && tries > 0; k++ {
		if k >= len(s) || !r.digit(s[k]) || k-1 > first && r.digit(s[k-1]) {
			continue
		}
		tries--
		gap := s[first:k]
		if second := r.reads(s, k); second > 0 && (r.digits >= longGroup || bytes.HasPrefix(s[second:], gap) && r.reads(s, second+len(gap)) > 0) {
			r.gap = gap
			return true
		}
	}
	return false
}

// row appends what the row at s[i:] says, and returns where it ends and whether that is readable.
func (d *decoder) row(r *rowOf, s []byte, i int) (end int, ok bool) {
	start, count := len(d.out), 0
	for {
		var n int
		if d.out, n = r.number(d.out, s, i); n == 0 {
			break
		}
		end, count = n, count+1
		if i = r.next(s, end); i == 0 {
			break
		}
	}
	for ; r.base == 16 && r.digits > 2 && i > 0 && pair(s, i) >= 0; i += 2 { // the last group is shorter
		d.out, end = append(d.out, byte(pair(s, i))), i+2
	}
	return end, (count >= minOfRow || count > 1 && r.digits >= longGroup) && len(d.out)-start >= r.least() && readable(d.out[start:])
}

// rowAt appends what the row says that has a number at s[i:], and returns where the row begins, not in front of from, and where it ends. If it says nothing it
// returns 0 and where what was tried ends.
func (d *decoder) rowAt(s []byte, i, from int) (begin, end int) {
	if s[i] == '0' && i+2 < len(s) && s[i+1]|0x20 == 'b' { // of binary digits, and of hexadecimal ones too
		i += 2
	}
	hexes, digits := 0, 0
	for hexes < maxGroup && i+hexes < len(s) && hexValue(s[i+hexes]) >= 0 {
		if hexes++; digits == hexes-1 && digitAt(s, i+digits) {
			digits++
		}
	}
	if hexes == maxGroup && digits < hexes { // a run, which [decoder.run] reads
		return 0, i + hexes
	}
	if hexes == 3 && s[i+2] == '0' { // "690x67"
		hexes = 2
	}
	ways := [...]rowOf{{base: 10}, {base: 8}, {base: 2, digits: digits}, {base: 16, digits: hexes}, {base: 10, digits: 3}}
	var best *rowOf
	start, said, reached := len(d.out), 0, 0
	for k := range ways {
		r, first := &ways[k], i
		switch {
		case k == 4: // three digits for each byte, and nothing between
			if digits < 3*minRowSaid || digits < hexes {
				continue
			}
		case r.digits == 0 && (digits < 2 || digits > 4), r.base == 2 && digits != 7 && digits != 8, r.base == 16 && (hexes == 0 || hexes&1 > 0), !r.lock(s, i):
			continue
		default:
			first = r.first(s, i, from)
		}
		at := len(d.out)
		last, ok := d.row(r, s, first)
		d.used = max(d.used, len(d.out))
		reached = max(reached, last)
		if !ok || last <= end {
			d.out = d.out[:at]
			continue
		}
		best, begin, end = r, first, last
		d.out = append(d.out[:start], d.out[at:]...)
		said = len(d.out)
	}
	if best == nil || best.readElsewhere() {
		d.out = d.out[:start]
		return 0, reached
	}
	d.out = d.out[:said]
	return max(best.begins(s, begin), from), best.ends(s, end)
}

// first returns where the row begins that has a number at s[i:], not in front of from.
func (r *rowOf) first(s []byte, i, from int) int {
	least, most := r.digits, r.digits
	if r.digits == 0 {
		least, most = 2, 4
	}
	for bytes.HasSuffix(s[from:i], r.gap) {
		n, end := most, i-len(r.gap)
		for n >= least && (end-n < from || r.digits == 0 && digitBefore(s, end-n) || r.reads(s, end-n) != end) {
			n--
		}
		if n < least {
			break
		}
		i = end - n
	}
	return i
}

// reads returns where the number at s[i:] ends, or 0.
func (r *rowOf) reads(s []byte, i int) int {
	var said [maxGroup/2 + utf8.UTFMax]byte
	_, end := r.number(said[:0], s, i)
	return end
}

// begins returns where what stands between the numbers of the row begins in front of the first of them, at s[i:], and ends where it ends behind the last.
func (r *rowOf) begins(s []byte, i int) int {
	for n := len(r.gap) - 1; n >= 0 && i > 0 && r.gap[n] > ' ' && s[i-1] == r.gap[n]; n-- {
		i--
	}
	return i
}

func (r *rowOf) ends(s []byte, i int) int {
	for n := 0; n < len(r.gap) && i < len(s) && r.gap[n] > ' ' && s[i] == r.gap[n]; n++ {
		i++
	}
	return i
}

// readElsewhere reports whether a row is one that [decoder.numbers] reads, or of escapes.
func (r *rowOf) readElsewhere() bool {
	gap := r.gap
	switch string(gap) {
	case `\`:
		return r.base == 8
	case `\x`, `\u`, `}\u{`, `}\x{`, "%", "=", "&#", ";&#", "&#x", ";&#x", "%25":
		return true
	}
	if r.base == 16 {
		gap = bytes.TrimSuffix(gap, []byte("0x"))
	}
	if len(gap) == 0 || len(gap) > 2 || r.base == 16 && r.digits != 2 || r.base == 2 && r.digits != 8 {
		return false
	}
	return !bytes.ContainsFunc(gap, func(c rune) bool { return !numberGap(byte(c)) })
}

// Where rows may be is looked at in some bytes every so many.
const (
	rowSample = 16
	rowStride = 96
	rowDigits = 4 // of a sample
	rowTries  = 4 // numbers of a sample that may be of a row
)

// nextRow returns a place from i on where enough digits are for a row, or the length of s.
func nextRow(s []byte, i int) int {
	for ; i+rowSample <= len(s); i += rowStride {
		n := bits.OnesCount64(digitsOf(binary.LittleEndian.Uint64(s[i:]))) + bits.OnesCount64(digitsOf(binary.LittleEndian.Uint64(s[i+8:])))
		if n >= rowDigits {
			return i
		}
	}
	return len(s)
}

// rows replaces rows of numbers by what they say, and returns how many there were.
func (d *decoder) rows(s []byte) int {
	found, kept := 0, 0
	for at := nextRow(s, 0); at < len(s); {
		i := at
		for i > max(kept, at-rowStride) && hexValue(s[i-1]) >= 0 { // the number that the sample begins in
			i--
		}
		tried := i
		for tries := rowTries; i < at+rowSample && tries > 0; i++ {
			if i < tried || hexValue(s[i]) < 0 || i > kept && hexValue(s[i-1]) >= 0 {
				continue
			}
			tries--
			if found == 0 {
				d.out, d.from = d.out[:0], append(d.from[:0], offset{})
			}
			start := len(d.out)
			begin, end := d.rowAt(s, i, kept)
			tried = max(tried, end)
			if len(d.out) > start {
				d.out = slices.Insert(d.out, start, s[kept:begin]...)
				d.from = append(d.from, offset{int32(start + begin - kept), int32(begin)}, offset{int32(len(d.out)), int32(end)})
				kept, found = end, found+1
			}
		}
		at = nextRow(s, max(at+rowStride, tried))
	}
	if found > 0 {
		d.out = append(d.out, s[kept:]...)
		d.used = max(d.used, len(d.out))
	}
	return found
}
