package session

import (
	"hash/maphash"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

const (
	// sketchSize is the number of minima: similarity is estimated to about ±0.06.
	sketchSize = 64
	// shingle is the number of characters in a row that are hashed: suffixes of random letters change few of a long prompt's.
	shingle = 5
	// maxText bounds the text of one request that is sketched, in bytes; attacks that iterate keep their prompts short.
	maxText = 16 << 10
	// minShingles is the least that says something: "yes" and "go on" are alike for everybody.
	minShingles = 24
)

// sketch holds the smallest value of each of several hash functions over the shingles of a text (MinHash).
type sketch [sketchSize]uint32

func (s *sketch) empty() bool { return *s == sketch{} }

// similarity estimates the share of shingles in common.
func (s *sketch) similarity(o *sketch) float64 {
	same := 0
	for i := range s {
		if s[i] == o[i] {
			same++
		}
	}
	return float64(same) / sketchSize
}

// latest sketches the latest turn of the caller's that is not known: a conversation is sent again with every turn, and is no
// iteration of itself, while an attack that changes an earlier turn is one. Turns too short to say something are passed over.
// What a caller has the assistant say is not looked at: answers of models are often alike.
func (d *Detector) latest(v detect.View, known func(whole uint64) bool) (s sketch, whole uint64) {
	left := maxText
	for end := len(v.Spans); end > 0 && left > 0; end-- {
		from := turnBefore(v, end)
		turn := v.Spans[from:end]
		if end = from; len(turn) == 0 { // the next is behind the assistant's texts
			continue
		}
		whole, n := d.hash(turn, left)
		if left -= n; n < minShingles || known(whole) {
			continue
		}
		if s = d.sketch(turn); !s.empty() {
			return s, whole
		}
	}
	return sketch{}, 0
}

// hash returns a hash of the texts of a turn, up to so many bytes, and how many those are.
func (d *Detector) hash(turn []detect.Span, most int) (whole uint64, n int) {
	var h maphash.Hash
	h.SetSeed(d.seed)
	for _, span := range turn {
		if span.Trust == detect.TrustUser {
			k, _ := h.Write(span.Text[:min(len(span.Text), most-n)])
			n += k
		}
	}
	return h.Sum64(), n
}

// sketch reads the texts of a turn that are the caller's: letters and digits of their normal form, so that another disguise is no other text.
func (d *Detector) sketch(turn []detect.Span) (s sketch) {
	for i := range s {
		s[i] = 1<<32 - 1
	}
	var window [shingle]byte
	var norm detect.Text
	n, left := 0, maxText
	for _, span := range turn {
		if span.Trust != detect.TrustUser {
			continue
		}
		text := span.Text[:min(len(span.Text), left)]
		left -= len(text)
		norm.Reset()
		norm.Append(text, 0)
		for _, c := range norm.Norm {
			if c < '0' || c > '9' && c < 'a' || c > 'z' && c < 0x80 {
				continue
			}
			copy(window[:], window[1:])
			window[shingle-1] = c
			if n++; n >= shingle {
				x := maphash.Bytes(d.seed, window[:])
				for i := range s {
					s[i] = min(s[i], uint32(x*d.salt[i]>>32))
				}
			}
		}
	}
	if n < minShingles {
		return sketch{}
	}
	return s
}
