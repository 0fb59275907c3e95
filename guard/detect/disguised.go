package detect

import "math/bits"

// Whether digits, signs and marks hide what words say is asked before any is read as a letter: technical texts are full of them ("sha256", "@param", "a|b"), and whoever reads a
// text both ways takes twice as long.

// As many odd words as oddWords within oddReach bytes are a disguise, though nobody knows them: four in a line or two.
const (
	oddWords = 4
	oddReach = 150
)

// disguised reports whether signs and marks hide what words of norm say: one that is known then, or many.
func (v *vocabulary) disguised(norm []byte) bool {
	var places [oddWords]int // of the last odd words, in turns
	n, end := 0, 0
	for at := 0; at < len(norm); at += 64 {
		for some := signSet.mask(norm[at:]); some != 0; some &= some - 1 {
			i := at + bits.TrailingZeros64(some)
			if i < end { // of the word before
				continue
			}
			var word []byte
			word, end = signedWord(norm, i)
			switch signed, odd := oddWord(word); {
			case !signed:
			case v.says(word):
				return true
			case odd:
				places[n%oddWords] = i
				if n++; n >= oddWords && i-places[n%oddWords] <= oddReach {
					return true
				}
			}
		}
	}
	return false
}

// signedWord returns the letters, signs and marks that norm[i], a sign or mark with none before it, stands among, without marks around them, and where they end.
func signedWord(norm []byte, i int) (word []byte, end int) {
	start := i
	for start > 0 && letterBit[norm[start-1]] != 0 {
		start--
	}
	for end = i + 1; end < len(norm) && (letterBit[norm[end]] != 0 || maySign[norm[end]] != 0); {
		end++
	}
	for word = norm[start:end]; len(word) > 0 && markup(word[0]); {
		word = word[1:]
	}
	for len(word) > 0 && markup(word[len(word)-1]) {
		word = word[:len(word)-1]
	}
	return word, end
}

// oddWord reports whether a word has signs or marks, and whether one is where names of things seldom have them: inside, and a digit behind the last letter is not. What has as
// many digits as letters is a number of some kind.
func oddWord(word []byte) (signed, odd bool) {
	letters, digits := 0, 0
	for i, c := range word {
		digit := c >= '0' && c <= '9'
		switch {
		case letterBit[c] != 0:
			letters++
			continue
		case digit:
			digits++
		}
		after := i+1 < len(word) && (!digit || letterBit[word[i+1]] != 0)
		odd = odd || after && (digit || i > 0 && letterBit[word[i-1]] != 0)
	}
	return letters < len(word), odd && digits < letters
}

// says reports whether a word with signs and marks is one that rules or concepts know, if signs are letters.
func (v *vocabulary) says(word []byte) bool {
	var w [maxShuffled]byte
	n, before := 0, byte(0)
	for i, c := range word {
		if !markup(c) {
			l := letterFor(before, word[i:])
			if n == len(w) || letterBit[l] == 0 {
				return false
			}
			w[n] = l
			n++
		}
		before = c
	}
	return n >= minShuffled && (v.knows(w[:n]) || builtinConcepts().find(wordGram(w[:n])) != 0)
}
