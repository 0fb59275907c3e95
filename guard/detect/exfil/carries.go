package exfil

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/entropy"
)

const (
	longQuery = 24  // bytes: search terms and page numbers are shorter
	longLabel = 32  // of a host: names can carry data to whoever answers for them
	longHost  = 96  // of all its labels: longer than those of clouds
	longPath  = 160 // bytes in all
	longPart  = 24  // of a path, if it looks random
	random    = 3.9 // bits for each byte

	longNeedless = 4 // letters that are escaped for nothing

	longWords   = 80 // of a path, if it consists of words: titles of articles are shorter
	longestWord = 28 // of such words
	longestID   = 12 // of what is none: shorter parts carry more
)

// carries reports whether an address has room for data, or data in it.
func carries(host string, rest []byte) bool {
	if len(host) >= longHost {
		return true
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) >= longLabel && !strings.HasPrefix(label, "[") { // an address of IPv6
			return true
		}
	}
	path, query, _ := bytes.Cut(rest, []byte("?"))
	path, fragment, _ := bytes.Cut(path, []byte("#"))
	if len(query) >= longQuery || len(fragment) >= longPath || len(path) >= longPath {
		return true
	}
	if needless(path) >= longNeedless {
		return true
	}
	for part := range bytes.SplitSeq(path, []byte("/")) {
		if len(part) >= longPart && entropy.Bits(part) >= random && (len(part) >= longWords || !words(part)) {
			return true
		}
	}
	return false
}

// needless counts the letters and digits that are written as "%67": nobody has to write them so (RFC 3986, section 2.3).
func needless(path []byte) int {
	n := 0
	for i := 0; i+2 < len(path); i++ {
		if path[i] == '%' && path[i+1] >= '3' && path[i+1] <= '7' {
			if c, err := strconv.ParseUint(string(path[i+1:i+3]), 16, 8); err == nil && (letter(byte(c)) || digit(byte(c))) {
				n++
			}
		}
	}
	return n
}

// words reports whether a part of a path consists of words and numbers with marks between them, as titles of articles and names of files do, and of the number of one.
func words(part []byte) bool {
	ids := 0
	for len(part) > 0 {
		n := 0
		for n < len(part) && (letter(part[n]) || digit(part[n])) {
			n++
		}
		if n > longestWord || n < len(part) && part[n] >= 0x80 {
			return false
		}
		if !oneWord(part[:n]) {
			if ids++; ids > 1 || n > longestID {
				return false
			}
		}
		if n < len(part) {
			n++
		}
		part = part[n:]
	}
	return true
}

// oneWord reports whether letters and digits are a word, or several in CamelCase: digits stand on one side alone, and few capitals behind small letters. Of base64
// every fourth letter is one.
func oneWord(w []byte) bool {
	if len(w) <= 4 {
		return true
	}
	turns, humps := 0, 0
	for i := 1; i < len(w); i++ {
		if digit(w[i]) != digit(w[i-1]) {
			turns++
		}
		if w[i-1] >= 'a' && w[i] >= 'A' && w[i] <= 'Z' {
			humps++
		}
	}
	return turns <= 1 && 6*humps <= len(w)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
