package detect

// A Window is a stretch of text as the model sees it.
type Window struct {
	Features []uint32 // indices of the distinct n-grams, in order of appearance
	Start    int      // of the stretch in the original text, in bytes
	End      int
}

// An Extractor turns texts into windows, for training and for reports about training data. Detection computes the same
// sums without making windows.
type Extractor struct {
	text     Text
	features features
	seen     []uint32 // stamp of the last window that had a feature, by index
	stamp    uint32
	bits     int
}

// NewExtractor returns an extractor of indices below 1<<bits.
func NewExtractor(bits int) *Extractor {
	return &Extractor{seen: make([]uint32, 1<<bits), bits: bits}
}

// Windows returns the windows of a text: neighbouring blocks in pairs, or the only block.
func (x *Extractor) Windows(text []byte) []Window {
	x.text.Reset()
	x.text.Append(text, 0)
	x.features.scan(x.text.Norm)
	blocks := x.features.blocks
	var out []Window
	for i := range blocks {
		if i == 0 && len(blocks) > 1 {
			continue
		}
		var from block
		if i >= 2 {
			from = blocks[i-2]
		}
		w := Window{Start: x.text.Original(from.norm), End: len(text)}
		if i < len(blocks)-1 {
			w.End = x.text.Original(blocks[i].norm)
		}
		x.stamp++
		for _, h := range x.features.hash[from.hash:blocks[i].hash] {
			k := h >> (32 - x.bits)
			if x.seen[k] != x.stamp {
				x.seen[k] = x.stamp
				w.Features = append(w.Features, k)
			}
		}
		out = append(out, w)
	}
	return out
}
