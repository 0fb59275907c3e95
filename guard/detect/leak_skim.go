package detect

import "github.com/holdfast-ai/holdfast/guard/stream"

// plainMarks are the bytes that stand between words and in no code or escape; ends of lines are among them.
var plainMarks = func() (t [256]bool) {
	for _, c := range []byte(" \t\n.,;:!?'\"()[]{}<>*#`|@$^~") {
		t[c] = true
	}
	return t
}()

// skim takes the words of ASCII that p begins with as Write does byte by byte (and does for pieces of one byte, which tests hold this against), and returns how many bytes it
// took. It stops in front of a byte that might begin or end something (a canary, a spelling of one, letters of a prompt, a run of base64 that is no word), and takes none where letters of a prompt or an escape are in progress: those are for Write.
func (s *LeakState) skim(ms []stream.Match, p []byte) ([]stream.Match, int) {
	l := s.leak
	plain, rotated, back, coded, pairs := &s.views[viewAsIs], &s.views[viewRotated], &s.views[viewBackwards], &s.views[viewBase64], &s.views[viewHex]
	run, heard := &plain.letters, &s.said[viewBase64-viewHex]
	if run.at > 0 || run.escape > 0 || s.spelled.pending > 0 {
		return ms, 0
	}
	word, turned, mirrored, power := plain.word, rotated.word, back.word, back.power
	in, n := plain.in, 0
	for ; n < len(p); n++ {
		c := p[n]
		if c >= 0x80 {
			break
		}
		small, end := asciiLetters[c], s.pos+n+1
		if small == 0 && !plainMarks[c] || small != 0 && s.code.run >= longCode-1 {
			break
		}
		node, spelling := s.node, s.spelled.node
		if l.canaries != nil {
			if node = l.canaries.step(node, c); node.ends() {
				break
			}
			if l.spelled != nil && small != 0 {
				if spelling = l.spelled.step(spelling, c); spelling.ends() {
					break
				}
			}
		}
		if small == 0 {
			s.node = node
			if s.spelled.gap++; s.spelled.gap > spelledGap {
				s.spelled.node = 0
			}
			if in > 0 {
				plain.word, rotated.word, back.word = word, turned, mirrored
				plain.in, rotated.in, back.in = in, in, in
				ms = plain.endWord(l, ms, end-1, false)
				ms = rotated.endWord(l, ms, end-1, false)
				ms = back.endWord(l, ms, end-1, true)
				word, turned, mirrored, in = wordSeed, wordSeed, wordSeed, 0
			}
			if c != '\n' {
				for k := range s.code.phases() {
					ms = s.broken(l, ms, viewBase64+k, end)
				}
				s.code.acc, s.code.run = 0, 0
			}
		} else {
			if l.letters != nil {
				last := &run.recent.ring[run.recent.n%seedBytes]
				hash := run.recent.hash*wordBase + uint64(small) - oldest*uint64(*last)
				if l.letters.may(hash) {
					break
				}
				run.recent.hash, *last = hash, small
				run.recent.n++
			}
			s.node = node
			if l.spelled != nil {
				s.spelled.gap, s.spelled.node = 0, spelling
				s.spelled.at[s.spelled.n%spelledLetters] = int32(end - 1)
				s.spelled.n++
			}
			if in == 0 {
				power = 1
			}
			word, turned = word*wordBase+uint64(small)+1, turned*wordBase+uint64(codes[small].rotated)+1
			mirrored += (uint64(small) + 1) * power
			power *= wordBase
			in++
			s.code.take(codes[c].base64)
			if b, ok := s.code.decoded(0); ok { // fewer than readableBytes, as a run is shorter than longCode
				if b < 0x80 && wordByte(b) {
					coded.between.more, coded.word = 0, wordHash(coded.word, b)
					coded.in++
				} else {
					ms = coded.take(l, ms, b, end)
				}
				heard.head[heard.n] = b
				heard.n++
			}
			if d := codes[c].hex; d > 15 {
				s.pairs.half = false
				if (pairs.in > 0 || s.said[0].n > 0) && small != 'x' {
					ms = s.broken(l, ms, viewHex, end)
				}
			} else if s.pairs.half = !s.pairs.half; s.pairs.half {
				s.pairs.high = d
			} else {
				ms = s.decoded(l, ms, viewHex, s.pairs.high<<4|d, end, false)
			}
		}
		if l.letters != nil && !s.alphabets.skips(c) {
			ms = s.alphabets.take(l, ms, c, end)
		}
	}
	if n == 0 {
		return ms, 0
	}
	s.pos += n
	plain.word, rotated.word, back.word, back.power = word, turned, mirrored, power
	plain.in, rotated.in, back.in = in, in, in
	plain.between.more, run.size = 0, 0
	return ms, n
}
