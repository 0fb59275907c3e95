package detect

// familiarity is how much a model knows of what it read: the mean size of the weights of n-grams. Weights are small where few texts of
// training had a word: of a language that it saw little of, a model has little to say either way, so that harmless texts and attacks alike
// score near its bias. One threshold for all languages then means another rate in each; the combination moves the scores to where they
// can be compared.
//
// It samples. In a longer text there is more to sample from: each further block is looked at less.
type familiarity struct{ size, n int64 }

const (
	firstStep = 3  // of the first block every third n-gram counts
	moreSteps = 2  // and of each further one every second one less often
	lastStep  = 13 // but enough of every cell to say what the model knows of it
)

// A text of few n-grams is taken to be an ordinary one, as if it had usualCount more of an ordinary size, in hundredths of the largest.
const (
	usualCount = 8
	usualSize  = 15
)

// add samples the block that a [seenFilter] left in x, the one behind so many others: n-grams of four characters, and of words.
func (f *familiarity) add(x *features, blocks int) {
	step := min(firstStep+moreSteps*blocks, lastStep)
	sum, n := 0, 0
	entries := x.grams[:min(x.n, maxGrams)]
	words := min(2*x.last, len(entries))
	for k := 7; k < words; k += 2 * step { // from the first on that lies in the block
		sum += weightSize(entries[k])
		n++
	}
	for k := words; k < len(entries); k += step {
		sum += weightSize(entries[k])
		n++
	}
	f.size += int64(sum * step)
	f.n += int64(n * step)
}

// weightSize is that of the weight of an entry, whatever its sign.
func weightSize(entry uint32) int {
	w := int(entry&maxWeight) - 128
	return max(w, -w)
}

// mostKnown is where more counts no further. English prose is at 0.10 to 0.20; without an end, a page of the one word that the model knows
// best would lower the score of what stands beside it by ten.
const mostKnown = 0.17

// share is the mean size as a share of the largest, 0 to mostKnown.
func (f *familiarity) share() float64 {
	return min((float64(f.size)/127+usualCount*usualSize/100.0)/float64(f.n+usualCount), mostKnown)
}
