package sensitive

import (
	"bytes"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// Private keys in armour (RFC 7468, OpenSSH, OpenPGP). What is found is what looks like one behind its first line: base64, however it is cut into lines, strings or
// groups, up to the last line or to words of prose. Where prose follows the line, that is only mentioned, and a key may come behind the prose.
const (
	maxKey     = 16384 // bytes of a key that are held: one of 16,384 bits has 12.7 kB. What follows is found as another one
	maxOpen    = 512   // bytes behind the first line until it is a key, or only mentioned
	maxMention = 4096  // bytes behind a line that is only mentioned in which a key may come
	maxBetween = 64    // bytes between two tokens of a key
	maxApart   = 8     // bytes between two tokens of a run
	minRun     = 16    // bytes of tokens that tell a key in prose
	maxRun     = 256   // bytes of a run that is none
	longToken  = 40    // bytes of a token that is none of prose: lines of keys have 64 to 76
	proseWords = 6     // in a row are prose, with so many letters, and three a word:
	proseChars = 24
)

// keys follows one text. A token is a run of characters of base64.
type keys struct {
	pos   int // bytes of the text so far
	line  keyLine
	state keyState
	from  int      // where begins what is held, in a key or behind a line
	end   int      // behind the last token that is no word
	since int      // where the line ended, or the key
	token keyToken // in progress
	run   keyToken // of tokens that are no words, until there is a key
	last  int      // where the last token ended
	first bool     // no token has come since the line
	words int      // in a row
	chars int      // of those
	prev  byte
}

// A keyState says what stands behind the first line of a key.
type keyState uint8

const (
	noKey     keyState = iota // there is no line
	openKey                   // nothing, or too little to tell
	inKey                     // a key
	mentioned                 // prose
)

// write takes more of the text, up to a byte that completes a match.
func (k *keys) write(ms []stream.Match, p []byte) (matches []stream.Match, took int) {
	had := len(ms)
	for i := 0; i < len(p); i++ {
		if k.state == noKey && k.line.dashes == 0 {
			n := bytes.IndexByte(p[i:], '-')
			if n < 0 {
				n = len(p) - i
			}
			k.pos += n
			if i += n; i == len(p) {
				break
			}
		}
		if ms = k.step(ms, p[i]); len(ms) > had {
			return ms, i + 1
		}
	}
	return ms, len(p)
}

func (k *keys) step(ms []stream.Match, c byte) []stream.Match {
	if line := k.line.take(c, k.pos); line != otherLine {
		to := k.pos
		if c == '-' {
			to++
		}
		next := keys{pos: k.pos, line: keyLine{label: k.line.label}}
		if line == beginLine {
			to = k.line.start
			next = keys{pos: k.pos, line: next.line, state: openKey, from: to, since: k.pos, last: k.pos, first: true}
		} else if k.state == inKey {
			k.end = to
		}
		ms = k.found(ms, to)
		*k = next
	}
	if k.state != noKey {
		if base64.has(c) {
			if k.token.n == 0 {
				k.token.after = k.prev
			}
			k.token.take(c, k.pos)
		} else if k.token.n > 0 {
			k.ended(c)
		}
		ms = k.bounded(ms)
	}
	k.prev = c
	k.pos++
	return ms
}

// found reports a key, if there is one, as far as position to.
func (k *keys) found(ms []stream.Match, to int) []stream.Match {
	if end := min(k.end, to); k.state == inKey && end > k.from {
		ms = append(ms, stream.Match{Rule: pemID, Category: Category, Start: k.from, End: end})
	}
	return ms
}

// ended takes the token in progress, behind which stands c.
func (k *keys) ended(c byte) {
	t := k.token
	k.token = keyToken{}
	if t.start-k.last > maxApart {
		k.run = keyToken{}
	}
	k.last = t.end
	if t.lower+t.upper+t.digits == 0 { // an operator, or padding
		if t.leads == '=' {
			k.end = t.end
		}
		return
	}
	word := t.word()
	if word {
		k.words++
		k.chars += t.n
		k.run = keyToken{}
	} else {
		k.words, k.chars = 0, 0
		k.run.add(t)
	}
	switch k.state {
	case inKey:
		if !word || k.words == 1 && t.after == '\n' && (c == '\n' || c == '"' || c == '\'') { // a last line may look like a word
			k.end = t.end
		}
	case openKey, mentioned:
		if !word && (k.first && t.lower+t.upper > 0 || k.run.random()) {
			if k.state == mentioned {
				k.from = k.run.start
			}
			k.state, k.end = inKey, t.end
		}
		k.first = false
	case noKey:
	}
}

// bounded ends what is held where prose or nothing follows, or it is too long.
func (k *keys) bounded(ms []stream.Match) []stream.Match {
	if t := &k.token; k.state != inKey && t.n >= longToken && (k.first || t.n%longToken == 0 && t.random()) {
		if k.state == mentioned {
			if k.from = t.start; k.run.n > 0 && t.start-k.last <= maxApart {
				k.from = k.run.start
			}
		}
		k.state, k.first, k.words, k.chars = inKey, false, 0, 0
	}
	prose := k.words >= proseWords && k.chars >= max(proseChars, 3*k.words) && k.line.dashes == 0
	switch k.state {
	case openKey:
		if prose || k.pos-k.since >= maxOpen {
			k.state, k.since = mentioned, k.pos
		}
	case inKey:
		if k.token.n >= longToken {
			k.end = k.pos + 1
		}
		if prose || k.token.n == 0 && k.pos-k.last > maxBetween {
			ms = k.found(ms, k.pos)
			k.state, k.since = mentioned, k.pos
		} else if k.pos-k.from >= maxKey {
			k.end = k.pos + 1
			ms = k.found(ms, k.end)
			k.from = k.end
		}
	case mentioned:
		if k.run.n > maxRun || k.pos-k.last > maxApart && k.token.n == 0 {
			k.run = keyToken{}
		}
		if k.token.n >= maxRun {
			k.run, k.token, k.last = keyToken{}, keyToken{}, k.pos
		}
		if k.pos-k.since > maxMention && k.token.n == 0 && k.run.n == 0 {
			k.state = noKey
		}
	case noKey:
	}
	return ms
}

// finish ends the text.
func (k *keys) finish(ms []stream.Match) []stream.Match {
	if k.state != noKey && k.token.n > 0 {
		k.ended('\n')
	}
	ms = k.found(ms, k.pos)
	k.state = noKey
	return ms
}

// needed returns where the text begins in which there may be matches yet.
func (k *keys) needed() int {
	from := k.pos
	switch k.state {
	case openKey, inKey:
		from = k.from
	case mentioned:
		if k.token.n > 0 {
			from = k.token.start
		}
		if k.run.n > 0 {
			from = k.run.start
		}
	case noKey:
	}
	if k.line.dashes > 0 {
		from = min(from, k.line.start)
	}
	return from
}
