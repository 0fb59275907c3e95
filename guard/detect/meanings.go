package detect

// meanings is what the blocks of a text mean, as features: concepts, and concepts that are near one another.
//
// No processor predicts which words are concepts. So that none has to, three short loops come to it instead of one with branches: which hashes may be concepts,
// which are, and what those make.
type meanings struct {
	known *concepts
	grams [maxMeanings + 7]uint32 // of the block that was read last
	n     int
	last  [2]meaning // the latest first
	now   uint32     // words and characters so far
	asked [maxAsked]meaning
}

// meaning is a concept, or at first a hash that may be one's, and where it is.
type meaning struct{ concept, at uint32 }

const (
	// maxMeanings bounds the features of a block: prose has a fifth of it.
	maxMeanings = 512
	// nearConcepts is how far apart concepts are that belong together, in words.
	nearConcepts = 16
	// maxAsked is how many hashes are looked for at once, a power of two: those of most blocks.
	maxAsked = 128
	// Strength is how much more a meaning counts than an n-gram: there are few of them, and they say more.
	Strength = 2
)

// start begins a text.
func (m *meanings) start() {
	const before = 1<<32 - nearConcepts - 1
	nothing := meaning{0, before}
	m.known, m.n, m.now, m.last = builtinConcepts(), 0, 0, [2]meaning{nothing, nothing}
}

// hashes returns the features of the block that was read last.
func (m *meanings) hashes() []uint32 { return m.grams[:m.n] }

// read takes the meanings of a block of n units whose n-grams are in x.
func (m *meanings) read(x *features, n int, flags uint16) {
	m.n = 0
	if m.known == nil {
		return
	}
	if flags&wide != 0 {
		m.ideographs(x, n)
	}
	m.words(x.grams[x.firstWord:max(x.n, x.firstWord)])
}

// ideographs takes those of n-grams of characters that are words.
func (m *meanings) ideographs(x *features, n int) {
	k, pair := 0, 2*n
	for i := 1; i <= n; i++ {
		if x.units[i]&wide == 0 {
			continue
		}
		m.now++
		if x.units[i-1]&wide != 0 {
			k = m.known.ask(&m.asked, x.grams[pair], m.now, k)
			pair++
		}
		k = m.known.ask(&m.asked, x.grams[2*i-2], m.now, k)
		k = m.known.ask(&m.asked, x.grams[2*i-1], m.now, k)
		if k > len(m.asked)-3 {
			m.answer(k)
			k = 0
		}
	}
	m.answer(k)
}

// words takes those of words, alone and with one or two in front. The fourth of the n-grams of each word is never one.
func (m *meanings) words(grams []uint32) {
	k, known, now := 0, m.known, m.now
	for ; len(grams) >= 4; grams = grams[4:] {
		now++
		k = known.ask(&m.asked, grams[0], now, k)
		k = known.ask(&m.asked, grams[1], now, k)
		k = known.ask(&m.asked, grams[2], now, k)
		if k > len(m.asked)-3 {
			m.answer(k)
			k = 0
		}
	}
	m.now = now
	m.answer(k)
}

// ask notes a hash that may be a concept's as the k-th, and returns how many that makes.
func (c *concepts) ask(asked *[maxAsked]meaning, h, at uint32, k int) int {
	asked[k&(maxAsked-1)] = meaning{h, at}
	return k + int(c.may(h))
}

// answer takes the concepts among k hashes that may be some.
func (m *meanings) answer(k int) {
	found, c := 0, m.known
	for _, a := range m.asked[:k] {
		p := c.places[c.place(a.concept)]
		concept := p.is(a.concept)
		if p.next != 0 {
			concept = c.find(a.concept)
		}
		m.asked[found&(maxAsked-1)] = meaning{concept, a.at}
		found += int((concept + maxConcepts) / (maxConcepts + 1)) // 1 if there is one
	}
	m.meet(m.asked[:found])
}

// meet adds concepts and what they make with those before them.
func (m *meanings) meet(found []meaning) {
	n, first, second := m.n, m.last[0], m.last[1]
	for _, here := range found {
		if n+4 > maxMeanings {
			break
		}
		k, k1, k2 := uint64(here.concept), uint64(first.concept), uint64(second.concept)
		to := m.grams[n : n+4 : n+4]
		to[0] = mixed(k * mulPair)
		to[1] = mixed((k1<<8 | k) * mulWord)
		to[2] = mixed((k2<<8 | k) * mulWord)
		to[3] = mixed((k2<<16 | k1<<8 | k) * mulTwo)
		if k == k1 && here.at-first.at <= 2 { // said twice, or in two words that are each enough
			first.at = here.at
			continue
		}
		n++
		if here.at-first.at <= nearConcepts {
			n++
		}
		if here.at-second.at <= nearConcepts {
			n += 2
		}
		first, second = here, first
	}
	m.n, m.last = n, [2]meaning{first, second}
}

func mixed(v uint64) uint32 {
	v ^= v >> 31
	return uint32(v * mul5 >> 32)
}
