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

// sketch reads the texts of a request that are the caller's: letters and digits, without case.
func (d *Detector) sketch(v detect.View) (s sketch, whole uint64) {
	for i := range s {
		s[i] = 1<<32 - 1
	}
	var window [shingle]byte
	var h maphash.Hash
	h.SetSeed(d.seed)
	n, left := 0, maxText
	for _, span := range v.Spans {
		if span.Trust != detect.TrustUser {
			continue
		}
		text := span.Text[:min(len(span.Text), left)]
		left -= len(text)
		h.Write(text)
		for _, c := range text {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
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
		return sketch{}, 0
	}
	return s, h.Sum64()
}
