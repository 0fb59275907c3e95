package detect

import "github.com/holdfast-ai/holdfast/guard/stream"

// Alphabets in which a model is asked to spell its system prompt: the first letters of words (NATO's alphabet and every other, acrostics), of phrases ("Y as in Yankee, O as in…")
// and of lines, Morse code, and digits and marks for letters. Each is followed by a [letterRun] of its own.
const (
	initialsGap = 256 // bytes between two first letters: lines of an acrostic
	leetApart   = 32  // bytes between two digits within words from which digits are letters
	leetReach   = 64  // bytes behind them in which digits and marks are read so
	leetWeight  = 64  // of letters in a row that are a leak: there are no such words by chance, and the first ones are not read
)

// What a byte means to the alphabets; letters of ASCII mean nothing else.
const (
	endsPhrase = 1 << iota
	endsLine
	endsMorse // a letter of it
	dotOrDash
	leetAlways  // stands for a letter wherever it stands
	leetBetween // stands for one between letters
)

// alphabetSigns has what bytes mean.
var alphabetSigns = func() (t [256]uint8) {
	for c, s := range map[byte]uint8{
		'\n': endsLine | endsPhrase | endsMorse, '\r': endsLine | endsPhrase | endsMorse, ' ': endsMorse, '\t': endsMorse, '/': endsMorse, '|': endsMorse | endsPhrase | leetBetween, ',': endsPhrase | endsMorse, ';': endsPhrase | endsMorse,
		'.': endsPhrase | dotOrDash, '-': dotOrDash, '!': leetBetween, '+': leetBetween, '(': leetBetween, '@': leetAlways, '$': leetAlways,
	} {
		t[c] = s
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= leetAlways
	}
	return t
}()

// leetFold has the letter that each of several which are written alike becomes, for letters, digits and marks: "1", "!", "|", "l" and "i" are one.
var leetFold = func() (t [0x80]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c&^0x20] = c, c
	}
	for _, alike := range []string{"aA4@", "bB8", "cC(", "eE3", "gG69", "iIlL1!|", "oO0", "sS5$", "tT7+", "zZ2"} {
		for _, c := range []byte(alike) {
			t[c] = alike[0]
		}
	}
	return t
}()

// alphabets follows one text.
type alphabets struct {
	words, phrases, lines letterRun
	inPhrase, inLine      bool // a letter has come
	inWord                bool // a letter or digit has come
	escape                bool // behind a backslash
	live                  bool // a run of letters is in progress
	calm                  calm
	morse                 int // dots and dashes as 0 and 1 with a 1 in front; 0 in what is none
	sign                  sign
	dots, digits          letterRun
	armed, until          int // where a second digit within a word tells that digits are letters, and to where they are read so
	reader                leetReader
}

// A calm is a state that most bytes of prose leave as it is, or change into another one.
type calm uint8

const (
	notCalm     calm = iota
	withinWord       // a letter changes nothing, a space ends the word
	behindWord       // a letter begins another word
	beyondASCII      // another byte of such characters changes nothing
)

// A sign says what stands in front of the next byte.
type sign uint8

const (
	noLetter sign = iota
	aLetter
	signed // a letter and a digit or mark
)

// skips reports whether a byte need not be taken.
func (a *alphabets) skips(c byte) bool {
	if a.calm == withinWord && c < 0x80 {
		if c == ' ' {
			a.calm = behindWord
			return true
		}
		return asciiLetters[c] != 0
	}
	return a.calm == beyondASCII && c >= 0x80 && (!a.inWord || !divides(c))
}

// divides reports whether a byte begins a character that stands between words, see gap, or is of a script without such alphabets.
func divides(c byte) bool { return c == 0xc2 || c >= 0xe2 }

// take takes a byte of the text, which ends at position end.
func (a *alphabets) take(l *Leak, ms []stream.Match, c byte, end int) []stream.Match {
	letter := byte(0)
	if c < 0x80 {
		letter = asciiLetters[c]
	}
	if a.calm == behindWord {
		if letter != 0 && a.words.passes(l.letters, letter) {
			a.calm, a.inWord, a.sign, a.morse = withinWord, true, aLetter, 0
			return ms
		}
		a.inWord, a.sign, a.morse = false, noLetter, 1
		if letter != 0 {
			ms = a.words.follow(l.letters, ms, letter, end)
			a.inWord, a.live = true, a.words.at > 0
		}
	}
	if c >= '0' && c <= '9' && a.sign == noLetter && !a.live && end > a.until { // of a number
		a.inWord, a.escape, a.morse, a.calm = true, false, 0, notCalm
		return ms
	}
	if a.live {
		ms = a.stale(ms, end)
	}
	behind := a.escape
	if a.escape = !behind && c == '\\'; a.escape {
		a.inWord, a.calm = false, notCalm
		return ms
	}
	if behind && (c == 'n' || c == 'r') { // of a string in JSON
		c, letter = '\n', 0
	}
	if letter != 0 {
		if !a.inWord {
			ms = a.initial(l, ms, letter, end)
		}
		if a.morse = 0; a.sign == signed {
			if end <= a.armed {
				a.until = end + leetReach
			}
			a.armed = end + leetApart
		}
		a.sign = aLetter
	} else if s := alphabetSigns[c]; s != 0 {
		ms = a.mark(l, ms, c, s, end)
	} else {
		a.inWord = a.inWord && (c == '\'' || c >= 0x80 && !divides(c))
		a.sign, a.morse = noLetter, 0
	}
	if end <= a.until && l.digits != nil {
		ms = a.digit(l, ms, c, end)
	}
	switch a.calm = notCalm; {
	case a.live || end <= a.until:
	case c >= 0x80:
		a.calm = beyondASCII
	case letter != 0:
		a.calm = withinWord
	}
	return ms
}

// initial takes the first letter of a word.
func (a *alphabets) initial(l *Leak, ms []stream.Match, c byte, end int) []stream.Match {
	a.inWord = true
	ms = a.words.spell(l.letters, ms, c, end)
	if !a.inPhrase {
		a.inPhrase = true
		ms = a.phrases.spell(l.letters, ms, c, end)
	}
	if !a.inLine {
		a.inLine = true
		ms = a.lines.spell(l.letters, ms, c, end)
	}
	a.live = a.live || a.words.at|a.phrases.at|a.lines.at != 0
	return ms
}

// mark takes a byte that means something.
func (a *alphabets) mark(l *Leak, ms []stream.Match, c byte, s uint8, end int) []stream.Match {
	a.inWord = c >= '0' && c <= '9'
	a.inPhrase = a.inPhrase && s&endsPhrase == 0
	a.inLine = a.inLine && s&endsLine == 0
	switch {
	case s&dotOrDash != 0 && a.morse > 0 && a.morse < 1<<6:
		a.morse <<= 1
		if c == '-' {
			a.morse++
		}
	case s&endsMorse != 0:
		if letter := morseLetter(a.morse); a.morse > 1 && isLetter(letter) && letter > '9' {
			ms = a.dots.spell(l.letters, ms, letter, end)
			a.live = a.live || a.dots.at != 0
		}
		a.morse = 1
	default:
		a.morse = 0
	}
	switch {
	case s&(leetAlways|leetBetween) == 0:
		a.sign = noLetter
	case a.sign == aLetter:
		a.sign = signed
	}
	return ms
}

// digit takes a byte where digits and marks are read as letters.
func (a *alphabets) digit(l *Leak, ms []stream.Match, c byte, end int) []stream.Match {
	sign, letter := a.reader.take(c)
	if sign != 0 {
		ms = a.digits.spell(l.digits, ms, sign, end-1)
	}
	if letter != 0 {
		ms = a.digits.spell(l.digits, ms, letter, end)
	}
	a.live = a.live || a.digits.at != 0
	return ms
}

// stale ends the runs whose last letter is too far behind.
func (a *alphabets) stale(ms []stream.Match, end int) []stream.Match {
	a.live = false
	for _, s := range [...]*letterRun{&a.words, &a.phrases, &a.lines, &a.dots, &a.digits} {
		if s.at > 0 && end-int(s.end) > initialsGap {
			ms = s.breaks(ms)
		}
		a.live = a.live || s.at > 0
	}
	return ms
}

// finish ends the text at position end.
func (a *alphabets) finish(l *Leak, ms []stream.Match, end int) []stream.Match {
	if letter := morseLetter(a.morse); a.morse > 1 && letter > '9' {
		ms = a.dots.spell(l.letters, ms, letter, end)
	}
	for _, s := range [...]*letterRun{&a.words, &a.phrases, &a.lines, &a.dots, &a.digits} {
		ms = s.breaks(ms)
	}
	return ms
}

// held returns how many bytes before position pos may belong to a leak.
func (a *alphabets) held(pos int) int {
	if !a.live {
		return 0
	}
	return max(a.words.held(pos), a.phrases.held(pos), a.lines.held(pos), a.dots.held(pos), a.digits.held(pos))
}

// spell takes a letter of ASCII that a text says in an alphabet, and that ends at position end.
func (s *letterRun) spell(l *lettersIndex, ms []stream.Match, c byte, end int) []stream.Match {
	if s.passes(l, c) {
		return ms
	}
	return s.follow(l, ms, c, end)
}

// passes rolls a letter on, and reports whether nothing can begin with it.
func (s *letterRun) passes(l *lettersIndex, c byte) bool {
	s.recent.roll(c)
	return s.at == 0 && !l.may(s.recent.hash)
}

// follow goes on with a letter that did not pass.
func (s *letterRun) follow(l *lettersIndex, ms []stream.Match, c byte, end int) []stream.Match {
	one := [1]byte{c}
	return s.next(l, ms, one[:], weigh('a'), end)
}

// A leetReader reads digits and marks as letters.
type leetReader struct {
	letter bool // the last byte is one
	sign   byte // what stands behind a letter, and counts if another one follows
}

// take returns the letters that a byte completes, zeros for none: a mark in front of it, and itself.
func (r *leetReader) take(c byte) (sign, letter byte) {
	sign, r.sign = r.sign, 0
	if c < 0x80 {
		letter = leetFold[c]
	}
	if c < 0x80 && alphabetSigns[c]&leetBetween != 0 {
		if r.letter {
			r.sign = letter
		}
		sign, letter = 0, 0
	}
	if letter == 0 {
		sign = 0
	}
	r.letter = letter != 0
	return sign, letter
}

// newDigits returns the index of prompts whose letters, digits and marks are read as letters, or nil where none has enough.
func newDigits(prompts []string) *lettersIndex {
	l := emptyLetters()
	l.enough = leetWeight
	for _, p := range prompts {
		var r leetReader
		var letters []rune
		for i := range len(p) {
			sign, letter := r.take(p[i])
			if sign != 0 {
				letters = append(letters, rune(sign))
			}
			if letter != 0 {
				letters = append(letters, rune(letter))
			}
		}
		l.add(letters)
	}
	return l.filtered()
}
