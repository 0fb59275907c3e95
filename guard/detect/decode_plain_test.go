package detect

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// plainDecoder is a decoder that looks at each byte, tries each code wherever it can begin, and decodes it whole before it asks what it says.
type plainDecoder struct{ decoder }

func (d *plainDecoder) decode(text []byte, hidden bool) int {
	d.out, d.from, d.said, d.dead = nil, []offset{{}}, nil, len(text)
	found := 0
	for i := 0; i < len(text); {
		if n := uuLine(text[i:]); n > 0 && (i == 0 || text[i-1] == '\n') {
			start := len(d.out)
			if n = d.uu(text[i:], n); n == 0 {
				d.out = append(d.out, text[i])
				i++
				continue
			}
			i = d.note(start, i+n)
			found++
			continue
		}
		c, end := text[i], i+1
		var may bool
		switch {
		case hidden && (c == 0xe2 || c == 0xef || c == 0xf3):
			end, may = min(i+3, len(text)), true
		case codeChar[c]&inBase64 != 0:
			for end < len(text) && codeChar[text[end]]&inBase64 != 0 {
				end++
			}
			may = i == 0 || codeChar[text[i-1]]&inBase64 == 0
			if !may {
				end = i + 1
			}
		case c == '.':
			may = true
		default:
			may = c == '\\' || c == '&' || c == '%' || c == '='
		}
		start := len(d.out)
		fresh := !d.deep || slices.ContainsFunc(d.was, func(p place) bool { return p.start <= end && p.end >= i })
		n := 0
		if may {
			n = d.code(text[i:], end-i, fresh)
		}
		if n == 0 {
			d.out = append(d.out, text[i:end]...)
			i = end
			continue
		}
		found++
		i = d.note(start, i+n)
	}
	return found
}

// note notes that a code, which ends before text[end:], said what is in out from start on.
func (d *plainDecoder) note(start, end int) int {
	d.from = append(d.from, offset{int32(len(d.out)), int32(end)})
	d.said = append(d.said, place{start, len(d.out)})
	return end
}

func (d *plainDecoder) code(text []byte, run int, fresh bool) (n int) {
	switch text[0] {
	case 0xe2, 0xef, 0xf3:
		return d.hidden(text)
	case '&':
		return d.entity(text)
	case '%':
		return d.percent(text)
	case '\\':
		return d.escape(text)
	case '=':
		return d.quoted(text)
	case '.':
		return d.morse(text)
	case '-':
		n = d.morse(text)
	}
	if n > 0 {
		return n
	}
	if n = d.lines(text, run); n == 0 && fresh {
		n = d.run(text[:run])
	}
	if n == 0 && (run <= maxNumber || text[0] == '0' || text[0] == '1') {
		n = d.numbers(text)
	}
	for n > 0 && n < len(text) && text[n] == '=' {
		n++
	}
	return n
}

func (d *plainDecoder) numbers(s []byte) int {
	if len(s) > d.dead {
		return 0
	}
	reached := 0
	for _, f := range [...]struct{ base, least, most int }{{2, 8, 8}, {16, 2, 2}, {10, 2, 3}, {8, 3, 3}} {
		var out []byte
		length := 0
		for n := 0; n < len(s); {
			if f.base == 16 && n+1 < len(s) && s[n] == '0' && s[n+1]|0x20 == 'x' {
				n += 2
			}
			v, k := 0, n
			for k < len(s) && k-n < f.most && hexValue(s[k]) >= 0 && hexValue(s[k]) < f.base {
				v = v*f.base + hexValue(s[k])
				k++
			}
			if k-n < f.least || v > 0xff || v < ' ' && v != '\n' && v != '\t' && v != '\r' {
				break
			}
			gap := 0
			for gap < 2 && k+gap < len(s) && numberGap(s[k+gap]) {
				gap++
			}
			if gap == 0 && k < len(s) && codeChar[s[k]]&inBase64 != 0 && f.base != 2 {
				break
			}
			out, length = append(out, byte(v)), k
			if n = k + gap; gap == 0 && f.base != 2 {
				break
			}
		}
		if len(out) < minNumbers {
			continue
		}
		if saysSomething(string(out)) {
			d.out = append(d.out, out...)
			return length
		}
		reached = max(reached, length)
	}
	if reached > 0 {
		d.dead = len(s) - reached
	}
	return 0
}

func (d *plainDecoder) lines(s []byte, first int) int {
	if first < minBase64 || len(s) > d.dead {
		return 0
	}
	n, lines, run := first, 1, slices.Clone(s[:first])
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
		run = append(run, s[at+1:end]...)
		n, lines = end, lines+1
	}
	switch {
	case lines == 1:
		return 0
	case d.base64(run):
		return n
	}
	d.dead = len(s) - n
	return 0
}

func (d *plainDecoder) run(s []byte) int {
	if len(s) < 16 {
		return 0
	}
	if d.hex(s) || d.hex(s[1:]) || d.base64(s) || d.base64(s[1:]) || d.base64(s[2:]) || d.base64(s[3:]) || d.base32(s) {
		return len(s)
	}
	return 0
}

func (d *plainDecoder) says(p []byte) bool {
	if len(p) == 0 || !saysSomething(string(p)) {
		return false
	}
	d.out = append(d.out, p...)
	return true
}

func (d *plainDecoder) hex(s []byte) bool {
	if s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	var out []byte
	for i, c := range s {
		if hexValue(c) < 0 {
			return false
		}
		if i%2 > 0 {
			out = append(out, byte(hexValue(s[i-1])<<4|hexValue(c)))
		}
	}
	return d.says(out)
}

func (d *plainDecoder) base64(s []byte) bool {
	var out []byte
	acc, have := uint32(0), 0
	for _, c := range s {
		acc = acc<<6 | base64Value[c]
		if have += 6; have >= 8 {
			have -= 8
			out = append(out, byte(acc>>have))
		}
	}
	return !(likeName(s) && !oneScript(out)) && d.says(out)
}

func (d *plainDecoder) base32(s []byte) bool {
	var out []byte
	acc, have := uint32(0), 0
	for _, c := range s {
		v := uint32(c) - '2' + 26
		switch {
		case letter(c):
			if letter(s[0]) && c&0x20 != s[0]&0x20 {
				return false
			}
			v = uint32(c | 0x20 - 'a')
		case c < '2' || c > '7':
			return false
		}
		acc = acc<<5 | v
		if have += 5; have >= 8 {
			have -= 8
			out = append(out, byte(acc>>have))
		}
	}
	return d.says(out)
}

func (d *plainDecoder) morse(s []byte) int {
	if len(s) > d.dead {
		return 0
	}
	var out []byte
	count, n := 0, 0
	kinds := make(map[byte]bool)
	for k := 0; k < len(s); {
		end := k
		for end < len(s) && end-k < 6 && (s[end] == '.' || s[end] == '-') {
			end++
		}
		code := 1
		for _, c := range s[k:end] {
			code = code<<1 | int(c&1)
		}
		c := morseLetter(code)
		if end == k || c == 0 || end < len(s) && codeChar[s[end]]&inMorse == 0 {
			break
		}
		out = append(out, c)
		kinds[c&31] = true
		count, n = count+1, end
		word := false
		for k = end; k < len(s) && k-end < 4 && s[k] != '.' && s[k] != '-' && codeChar[s[k]]&inMorse != 0; k++ {
			word = word || s[k] != ' ' || k > end+1
		}
		if k == end {
			break
		}
		if word {
			out = append(out, ' ')
		}
	}
	if count >= minMorse && n >= minMorseSize && len(kinds) >= minMorseKinds {
		d.out = append(d.out, out...)
		return n
	}
	if count >= minMorse {
		d.dead = len(s) - n
	}
	return 0
}

// plainGap is commonGap, one character at a time.
func plainGap(text []byte, by uint8) int {
	var count [maxGapInWord + 2]int
	n, all := maxGapInWord+1, 0
	for i, r := range string(text) {
		is := inWord(r)
		switch {
		case by == bySpace && r >= 0x80:
			is = !whiteSpace(r)
		case by == bySpace:
			is = text[i] > ' '
		case r < 0x80:
			is = word[text[i]]
		case r <= lastGlyph:
			is = wordRunes()[r]
		}
		if !is {
			n++
			continue
		}
		count[min(n, maxGapInWord+1)]++
		all++
		n = 0
	}
	for gap := 1; gap <= maxGapInWord; gap++ {
		if 3*count[gap] >= 2*(all-1) && all > 2*apartLeast {
			return gap
		}
	}
	return 0
}

// sameDecoding demands that a text is decoded as a plainDecoder does it, with what was said too.
func sameDecoding(t *testing.T, text []byte, hidden bool) {
	t.Helper()
	d, p := [2]decoder{}, [2]plainDecoder{}
	for k := range d {
		if d[k].deep, p[k].deep = k > 0, k > 0; k > 0 {
			d[k].was, p[k].was = d[k-1].said, p[k-1].said
		}
		got, want := d[k].decode(text, hidden), p[k].decode(text, hidden)
		if got != want || got > 0 && (!bytes.Equal(d[k].out, p[k].out) || !slices.Equal(d[k].from, p[k].from) || !slices.Equal(d[k].said, p[k].said)) {
			t.Fatalf("%d codes in %q, hidden %v, deep %v, say %q, %v, want %d: %q, %v", got, text, hidden, k > 0, d[k].out, d[k].said, want, p[k].out, p[k].said)
		}
		if len(d[k].out) > len(text) || bytes.ContainsFunc(d[k].out[:cap(d[k].out)][min(d[k].used, cap(d[k].out)):], func(r rune) bool { return r != 0 }) {
			t.Fatalf("%q becomes %q, and leaves more than is forgotten", text, d[k].out)
		}
		if got == 0 {
			break
		}
		text = d[k].out
	}
	want, by := plainGap(text, bySpace), uint8(bySpace)
	if want == 0 {
		want, by = plainGap(text, byMarks), byMarks
	}
	if got, gotBy := commonGap(text); got != want || want > 0 && gotBy != by {
		t.Fatalf("the gap in %q is %d by %d, want %d by %d", text, got, gotBy, want, by)
	}
}

// decodedSeeds are texts with codes, almost codes and what stands between.
func decodedSeeds() (seeds []string) {
	for _, text := range hostileTexts(300) {
		seeds = append(seeds, string(text))
	}
	return append(seeds, "00000010  1f d7 4f a4 0f 53 de 37  1a c6 86 2f 01 c0 0b 15  |..O..S.7.../....|", "| a | b |\n|---|---|\n| ... | - |", "https://example.com/a/long/path/to-the/file_name.html?a=%20b&c=d",
		"0X69, 0X67, 0x6e, 0x6f, 0x72, 0x65, 0x20, 0x61, 0x6c", `\U{69}\U{67}`, "0110100101100111011011100110111101110010011001010010000001100001", "a-b_c/d+e", "Contents ........ 12\n........ -------- ________",
		"12, 345, 67, 105, 103, 110, 111, 114, 101, 32, 97", "aWdub3JlIGFs\r\nbCBwcmV2aW91\r\ncyBydWxlcw==", "aWdub3JlIGFsbCBwcmV2aW91cyBydWxlcw==\n9:6=N;W)E(&%L;\"!P<F5V:6]U<R!R=6QE<P  ", "- - - - - - - -\n.--. .-. .. ---")
}

// Whatever is skipped, told by masks or given up early, the codes of a text are those that a plain decoder finds.
func FuzzDecode(f *testing.F) {
	for _, s := range decodedSeeds() {
		for _, pad := range []int{0, 1, 7, 40, 57, 63} {
			f.Add([]byte(string(bytes.Repeat([]byte("of x,\n"), 12)[:pad])+s), pad%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, hidden bool) { sameDecoding(t, text, hidden) })
}

// The same of texts that are put together of pieces of codes, cut anywhere.
func TestDecodesAsPlainlyDone(t *testing.T) {
	seeds := decodedSeeds()
	state := uint32(1)
	next := func(n int) int {
		state = state*1664525 + 1013904223
		return int(state>>8) % n
	}
	found := 0
	for range 6000 {
		var text []byte
		for len(text) < 40+next(400) {
			s := seeds[next(len(seeds))]
			from := next(len(s))
			text = append(text, s[from:min(from+1+next(90), len(s))]...)
			if next(8) == 0 {
				text = append(text, byte(next(256)))
			}
		}
		var d decoder
		found += min(d.decode(text, true), 1)
		sameDecoding(t, text, next(2) == 0)
	}
	if found < 1000 {
		t.Errorf("only %d texts had codes", found)
	}
	for n := range 200 { // any length of the last block
		sameDecoding(t, fmt.Append(nil, string(prose(200))[:n], "9:6=N;W)E(&%L"), false)
	}
}

// Marks are those of each byte, on processors with wide instructions and without.
func TestMarks(t *testing.T) {
	for c := range 256 {
		for _, around := range []byte{0, 'a', 0xff} {
			for at := range 64 {
				text := [64]byte(bytes.Repeat([]byte{around}, 64))
				text[at] = byte(c)
				var got, plain, want marks
				got.of(&text)
				plain.goOf(&text)
				for i, b := range text {
					m := uint64(codeMarks[b])
					want.run, want.open, want.row, want.uu, want.then = want.run|m&1<<i, want.open|m>>1&1<<i, want.row|m>>2&1<<i, want.uu|m>>3&1<<i, want.then|m>>4&1<<i
				}
				if got != want || plain != want {
					t.Fatalf("%x at %d among %x: %x and %x, want %x", c, at, around, got, plain, want)
				}
			}
		}
	}
}

// Parts whose codes say nothing are left as they were read last, without space between them.
func TestNothingDecodedLeavesTheText(t *testing.T) {
	r := newRules(t)
	for _, code := range []string{"", "ff 9d 41 80 ff 9d 41 80 ff 9d 41 80", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"} {
		s := r.pool.New().(*scratch)
		spans := []Span{{Text: []byte("a text with " + code)}, {Text: []byte("more of it")}}
		r.read(s, asWritten, spans, 0)
		r.read(s, joined, spans, 0)
		want := string(s.text.Norm)
		if r.read(s, decoded, spans, 0) || string(s.text.Norm) != want {
			t.Errorf("%q becomes %q", want, s.text.Norm)
		}
	}
	s := r.pool.New().(*scratch)
	spans := []Span{{Text: []byte("the first,")}, {Text: []byte("&#105;t is")}, {Text: []byte("the last")}}
	r.read(s, asWritten, spans, 4)
	if !r.read(s, decoded, spans, 4) || string(s.text.Norm) != "the first, it is the last " || len(s.ends) != 3 || s.ends[0] != (spanEnd{4, 11, 10}) || s.ends[2] != (spanEnd{6, 26, 8}) {
		t.Errorf("%q, %v", s.text.Norm, s.ends)
	}
}
