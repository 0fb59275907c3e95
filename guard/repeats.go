package guard

// repeats remembers a few short texts of an answer in which nothing was found: every event of a stream repeats its id, its kind
// and the name of the model, which would be a fifth of its cost.
type repeats struct {
	texts [4][48]byte
	sizes [4]int
	next  int
}

// has reports whether text was added.
func (r *repeats) has(text []byte) bool {
	for i := range r.texts {
		if r.sizes[i] == len(text) && string(r.texts[i][:r.sizes[i]]) == string(text) {
			return true
		}
	}
	return false
}

// add remembers text, in the place of the oldest, if it is short.
func (r *repeats) add(text []byte) {
	if len(text) > len(r.texts[0]) {
		return
	}
	r.sizes[r.next] = copy(r.texts[r.next][:], text)
	r.next = (r.next + 1) % len(r.texts)
}
