package sensitive

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

const (
	// minSegment is the length of the shortest identifier but a postcode, in bytes.
	minSegment = 6
	// minPostcode is the length of the shortest postcode that stands alone, in bytes.
	minPostcode = 5
	// minBIC is the length of the shortest identifier without a digit, in bytes.
	minBIC = 8
	// maxID is the length of the longest identifier with a shape.
	maxID = 19
	// maxForm bounds the text of such an identifier: all its characters and what stands between them.
	maxForm = 40
	// longWord is the length of words that say what they say within others too, in bytes.
	longWord = 5
)

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }

// finder looks at one segment.
type finder struct {
	set    *Set
	ms     []stream.Match
	from   int // of ms that are this segment's
	seg    []byte
	before []byte
	start  int
	lower  []byte // before and seg in lower case, made when a word is looked for
	// The last answer of worded.
	asked   int
	letters bool
}

// segment appends the matches in a segment that stands at start in its text.
func (s *Set) segment(ms []stream.Match, seg, before []byte, start int) []stream.Match {
	digits, letters, capitals, at, colon := 0, 0, 0, false, false
	for _, c := range seg {
		switch {
		case isDigit(c):
			digits++
		case isUpper(c):
			capitals++
			letters++
		case isLetter(c):
			letters++
		case c == '@':
			at = true
		case c == ':' || c == '=':
			colon = true
		}
	}
	f := &finder{set: s, ms: ms, from: len(ms), seg: seg, before: before, start: start}
	if at {
		f.addresses()
	}
	if colon && digits >= 8 {
		f.bots()
	}
	if letters > 0 && len(seg) >= minAssigned || colon {
		f.tokens()
	}
	if digits > 0 || capitals >= minBIC {
		f.words()
	}
	return f.ms
}

// add reports a match unless an earlier one, which is the surer, has some of its bytes. A secret and an identifier hide nothing from each other, as policies may be easy on one of them;
// and of two secrets the later is left out only if it has no byte of its own.
func (f *finder) add(id string, from, to int) bool {
	if !f.set.on[id] {
		return false
	}
	from, to = from+f.start, to+f.start
	for _, m := range f.ms[f.from:] {
		if from < m.End && m.Start < to && secret(id) == secret(m.Rule) && (!secret(id) || from >= m.Start && to <= m.End) {
			return false
		}
	}
	f.ms = append(f.ms, stream.Match{Rule: id, Category: Category, Start: from, End: to})
	return true
}

// secret reports whether a kind is of secrets.
func secret(id string) bool { return strings.HasPrefix(id, "secret.") }

// near reports whether one of the words stands in the text shortly before position i.
func (f *finder) near(words []string, i int) bool {
	return f.stands(words, i, maxContext, false)
}

// beside reports whether one of the words stands just before position i, with no letters between.
func (f *finder) beside(words []string, i int) bool { return f.stands(words, i, shortCall, true) }

func (f *finder) stands(words []string, i, n int, beside bool) bool {
	if len(words) == 0 {
		return false
	}
	end := len(f.before) + i
	b := f.text()[max(0, end-maxContext):end]
	if !f.worded(b, end) {
		return false
	}
	b = b[max(0, len(b)-n):]
	for _, w := range words {
		for rest := b; ; {
			k := bytes.Index(rest, []byte(w))
			if k < 0 {
				break
			}
			behind := rest[k+len(w):]
			// Not inside of another word, but for long ones, as in Rentenversicherungsnummer: "nino" is no NIN.
			if (len(w) >= longWord || (k == 0 || !isLetter(rest[k-1])) && (len(behind) == 0 || !isLetter(behind[0]))) && !(beside && bytes.ContainsFunc(behind, unicode.IsLetter)) {
				return true
			}
			rest = rest[k+1:]
		}
	}
	return false
}

// worded reports whether there is a letter in what stands before position end: numbers among numbers have none. It is asked of each position many times.
func (f *finder) worded(b []byte, end int) bool {
	if f.asked != end {
		f.asked, f.letters = end, false
		for _, c := range b {
			if c >= 0x80 || isLetter(c) {
				f.letters = true
				break
			}
		}
	}
	return f.letters
}

// text returns the text before the segment and the segment, in lower case as far as ASCII goes: offsets must hold.
func (f *finder) text() []byte {
	if f.lower == nil {
		f.lower = append(append(make([]byte, 0, len(f.before)+len(f.seg)), f.before...), f.seg...)
		for i, c := range f.lower {
			if isUpper(c) {
				f.lower[i] = c | 0x20
			}
		}
	}
	return f.lower
}

// words looks for identifiers at the beginning of each word.
func (f *finder) words() {
	s := f.seg
	for i := range s {
		if i > 0 && (isAlnum(s[i-1]) || s[i-1] == '_' && joined(s, i)) {
			continue
		}
		if i > 1 && (s[i-1] == '.' || s[i-1] == '-' || s[i-1] == '/') && isAlnum(s[i-2]) {
			continue // within a decimal number, a version, a UUID, a path
		}
		switch {
		case isDigit(s[i]) || isUpper(s[i]) || s[i] == '(':
			f.dotted(i)
			f.plate(i)
			f.shaped(i)
			f.national(i)
			f.iban(i)
			f.postcode(i)
		case s[i] == '+':
			f.international(i)
		case !isLetter(s[i]):
			continue
		default:
			f.iban(i)
		}
		if i == 0 || s[i-1] != ':' {
			f.network(i)
		}
		f.coins(i)
	}
}

// joined reports whether the underscores in front of position i join it to a word: others are emphasis of Markdown.
func joined(s []byte, i int) bool {
	if s[i] == '_' {
		return true
	}
	for i > 0 && s[i-1] == '_' {
		i--
	}
	return i > 0 && isAlnum(s[i-1])
}

// ends reports whether an identifier may end before position i.
func (f *finder) ends(i int) bool {
	s := f.seg
	if i >= len(s) {
		return true
	}
	for i < len(s) && s[i] == '_' { // emphasis of Markdown, unless a word goes on behind it
		if i++; i == len(s) || s[i] == '-' || s[i] == '.' {
			return true
		}
	}
	if isAlnum(s[i]) || s[i] == '@' {
		return false
	}
	return s[i] == ' ' || s[i] == ')' || i+1 >= len(s) || !isAlnum(s[i+1])
}

// shaped looks for the identifiers of rules at position i: it gathers letters and digits, and asks the rules of each length
// at which an identifier may end, the longest first.
func (f *finder) shaped(i int) {
	s := f.seg
	var c [maxID]byte
	var ends [maxID + 1]int                                                   // by number of characters
	n, open, numeral := 0, 0, maxID                                           // numeral is the index of the first digit
	inner := i > 1 && s[i-1] == ' ' && (isDigit(s[i-2]) || hexGroup(s[:i-1])) // a group within a longer number: only by itself
	for j := i; j < len(s) && j < i+maxForm && (n < maxID || open > 0); j++ {
		b := s[j]
		alnum := isDigit(b) || isUpper(b)
		if b == '(' {
			open++
		}
		if b == ')' {
			open--
		}
		if open < 0 || open > 1 || alnum && n == maxID || inner && b == ' ' {
			break
		}
		if alnum {
			if isDigit(b) {
				numeral = min(numeral, n)
			}
			c[n] = b
			n++
		} else if b != ' ' && !separator(b) && b != '(' && b != ')' {
			break
		}
		if (alnum || b == ')') && f.ends(j+1) {
			ends[n] = j + 1
		}
	}
	for n := maxID; n >= 7; n-- {
		if to := ends[n]; to > 0 && (numeral < n || to-i == n) && len(f.set.byLength[n]) > 0 { // only compact ones have no digit
			f.ask(c[:n], i, to)
		}
	}
}

// hexGroup reports whether a text ends in a group of four hexadecimal digits, as tables of characters do.
func hexGroup(s []byte) bool {
	n := len(s) - 4
	if n < 0 || !isHex(s[n:]) || n > 0 && isAlnum(s[n-1]) {
		return false
	}
	return bytes.ContainsAny(s[n:], "0123456789")
}

// years reports whether groups of four digits are all years.
func years(c, written []byte) bool {
	if len(written) < 3 || len(c)%4 != 0 {
		return false
	}
	for i, b := range written {
		if i%2 == 0 && b != '4' {
			return false
		}
	}
	for i := 0; i < len(c); i += 4 {
		if y := c[i : i+2]; string(y) != "19" && string(y) != "20" {
			return false
		}
	}
	return true
}

// form writes the lengths of the groups of an identifier with what stands between them: "4 4 4 4", "(3) 3-4". Spaces beside another separator say nothing, and groups of one
// with the same between all of them are no groups.
func form(dst, text []byte) []byte {
	group, ones, from := 0, true, len(dst)
	for i := 0; i <= len(text); i++ {
		if i < len(text) && isAlnum(text[i]) {
			group++
			continue
		}
		if group >= 10 {
			dst = append(dst, '0'+byte(group/10))
		}
		if group > 0 {
			dst = append(dst, '0'+byte(group%10))
		}
		ones = ones && group == 1 && (i == len(text) || text[i] == text[1])
		if group = 0; i < len(text) && (text[i] != ' ' || text[i-1] != ' ' && !separator(text[i-1]) && !separator(text[i+1])) {
			dst = append(dst, text[i])
		}
	}
	if ones {
		return dst[:from]
	}
	return dst
}

// separator reports whether c stands between groups, and is no space.
func separator(c byte) bool { return c == '-' || c == '.' || c == '/' || c == '_' }

// ask holds an identifier against the rules of its length.
func (f *finder) ask(c []byte, from, to int) {
	s := f.seg
	compact := to-from == len(c)
	var buf [2 * maxForm]byte
	written := buf[:0]
	if !compact {
		written = form(written, s[from:to])
		if compact = len(written) == 0; compact && to+1 < len(s) && s[to] == s[from+1] && isAlnum(s[to+1]) {
			return // some digits of a longer row
		}
	}
	if to+1 < len(s) && s[to] == ' ' && isDigit(s[to+1]) && bytes.IndexByte(written, ' ') >= 0 {
		return // some groups of a longer number
	}
	if from > 0 && s[from-1] == '.' && bytes.IndexByte(written, '.') >= 0 && (from == 1 || s[from-2] != '.') || years(c, written) {
		return // of decimal numbers, or of years
	}
	var best *rule
	for _, r := range f.set.byLength[len(c)] {
		as, tells := r.written(written)
		if !compact && !as || !fits(c, r.shape) || r.check != nil && !r.check(c) {
			continue
		}
		if f.near(r.words, from) { // which tells more than a form that several have
			if f.add(r.id, from, to) {
				return
			}
		}
		if best == nil && (tells && unmistakable(r) || compact && r.sure) {
			best = r
		}
	}
	if best != nil {
		f.add(best.id, from, to)
	}
}

// written reports whether people write an identifier in a form, and whether that tells it.
func (r *rule) written(form []byte) (as, tells bool) {
	for _, f := range r.forms {
		if bare := strings.TrimPrefix(f, "?"); bare == string(form) {
			return true, len(bare) == len(f)
		}
	}
	return false, false
}

// unmistakable reports whether the form in which people write an identifier tells it without a word: where a check stands
// behind it, or the form is rare.
func unmistakable(r *rule) bool { return r.check != nil || r.id == "pii.uk-bank" }

func fits(c []byte, shape string) bool {
	for i, b := range c {
		switch shape[i] {
		case 'A':
			if !isUpper(b) {
				return false
			}
		case '9':
			if !isDigit(b) {
				return false
			}
		case 'X':
		default:
			if shape[i] != b {
				return false
			}
		}
	}
	return true
}
