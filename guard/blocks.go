package guard

import (
	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// Some APIs cut one answer into blocks, with thoughts or calls of tools between them, and clients show the texts of one kind as one. Each block is followed
// on its own, and ends with it: a model that is talked into saying one half of a secret before a call and the other behind it would be heard by nobody. So
// from the second block on each is followed once more, with the end of what came before, and what is found across the border is judged like all else. The half
// before the border has been sent by then, since nobody can hold the call of a tool until the model may speak again: it is the rest that stays.

// maxTail is how much of the blocks before is known, in bytes: a canary has 1,024 at most, and its spellings are a few times that.
const maxTail = 8 << 10

// maxKinds bounds the kinds of texts that come in blocks, since of each the end is kept: APIs have a dozen.
const maxKinds = 64

// blocks is what is known of the texts of one kind.
type blocks struct {
	first api.Channel
	tail  []byte // the end of the texts so far
}

// across takes a piece of the event queued last through the scanner that looks over the border of its block.
func (t *Transaction) across(p *api.Piece, shift int) *Rejection {
	if p.Channel.Args || t.pol.hold == nil && t.pol.watch == nil && len(t.pol.scanners) == 0 {
		return nil
	}
	b := t.blocks[p.Channel.Field]
	if b == nil {
		if len(t.blocks) == maxKinds {
			return upstream(stream.ErrSize)
		}
		if t.blocks == nil {
			t.blocks = make(map[uint64]*blocks)
		}
		b = &blocks{first: p.Channel}
		t.blocks[p.Channel.Field] = b
	}
	if b.first != p.Channel {
		key := p.Channel // it ends with the block
		if key.Field = ^key.Field; !t.st.hold.Has(key) {
			s := new(scanner)
			t.start(s, false)
			s.restore.begin(nil, false) // the half of a placeholder is none
			s.border = len(b.tail)
			if err := t.st.hold.Begin(key, s); err != nil {
				return upstream(err)
			}
			if err := t.st.hold.Before(key, b.tail); err != nil {
				return t.scanned(err)
			}
		}
		if err := t.st.hold.Text(key, p.Offset+shift, p.Text); err != nil {
			return t.scanned(err)
		}
	}
	if b.tail = append(b.tail, p.Text...); len(b.tail) > 2*maxTail {
		b.tail = b.tail[:copy(b.tail, b.tail[len(b.tail)-maxTail:])]
	}
	return nil
}
