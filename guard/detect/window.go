package detect

// A Window is a stretch of text as the model sees it.
type Window struct {
	Features []uint32 // indices of the distinct n-grams, in order of appearance
	Meanings []uint32 // the same of concepts, which weigh [Strength] times as much
	Narrow   bool     // one block of several
	Start    int      // of the stretch in the original text, in bytes
	End      int
}

// An Extractor turns texts into windows, for training and for reports about training data. Detection computes the same
// sums without making windows.
type Extractor struct {
	text     Text
	features features
	hash     []uint32 // of the whole text
	meant    []uint32 // the same of concepts
	blocks   []block
	seen     []uint32 // stamp of the last window that had a feature, by index
	stamp    uint32
	bits     int
}

// block is the end of a block in the features and in the normal form.
type block struct{ hash, meant, norm int }

// NewExtractor returns an extractor of indices below 1<<bits.
func NewExtractor(bits int) *Extractor {
	return &Extractor{seen: make([]uint32, 1<<bits), bits: bits}
}

// Windows returns the windows of a text that a model learns from: the widest, each half over the one before, the middle ones
// side by side, and the narrowest. A shorter text is one window.
func (x *Extractor) Windows(text []byte) []Window {
	x.text.Reset()
	x.text.Append(text, 0)
	x.hash, x.meant, x.blocks = x.hash[:0], x.meant[:0], x.blocks[:0]
	for x.features.start(); x.features.block(x.text.Norm); {
		x.hash = append(x.hash, x.features.hashes()...)
		x.meant = append(x.meant, x.features.meanings.hashes()...)
		x.blocks = append(x.blocks, block{len(x.hash), len(x.meant), x.features.end})
	}
	if len(x.blocks) == 0 {
		return []Window{{End: len(text)}}
	}
	out := x.slide(nil, len(text), wideBlocks, wideBlocks/2)
	if len(x.blocks) > midBlocks {
		out = x.slide(out, len(text), midBlocks, midBlocks)
	}
	if len(x.blocks) > 1 {
		out = x.slide(out, len(text), 1, 1)
	}
	return out
}

// slide appends the windows of a width.
func (x *Extractor) slide(out []Window, size, width, step int) []Window {
	blocks := x.blocks
	for end := min(width, len(blocks)); ; end = min(end+step, len(blocks)) {
		var from block
		if end > width {
			from = blocks[end-width-1]
		}
		w := Window{Narrow: width == 1, Start: x.text.Original(from.norm), End: size}
		if end < len(blocks) {
			w.End = x.text.Original(blocks[end-1].norm)
		}
		x.stamp++
		w.Features = x.distinct(x.hash[from.hash:blocks[end-1].hash])
		w.Meanings = x.distinct(x.meant[from.meant:blocks[end-1].meant])
		out = append(out, w)
		if end == len(blocks) {
			return out
		}
	}
}

// distinct returns the indices that the window does not have yet.
func (x *Extractor) distinct(hashes []uint32) (out []uint32) {
	for _, h := range hashes {
		k := h >> (32 - x.bits)
		if x.seen[k] != x.stamp {
			x.seen[k] = x.stamp
			out = append(out, k)
		}
	}
	return out
}
