package stream

// maxTexts bounds the texts of one stream: choices times tool calls of a hostile server would cost memory for ever.
const maxTexts = 1024

// Hold queues events, first in, first out, until every text they carry is clear. K names a text. A Hold that returned an
// error must release nothing more.
type Hold[K comparable] struct {
	queue   []queued
	data    []byte // of the queued events, one behind the other
	free    int    // bytes at the beginning of data that were released
	texts   map[K]*text
	going   []K // texts that have not ended
	first   int // sequence number of queue[0]
	max     int
	matches []Match
}

// queued is one event.
type queued struct {
	end   int // in data
	open  int // pieces that are not clear yet
	edits []Edit
}

// An Edit replaces a part of a piece of an event.
type Edit struct {
	Ref        int // that was given to [Hold.Text]
	Start, End int // in the piece, in bytes
	With       string
}

// text is one growing text with the pieces that are not clear, oldest first.
type text struct {
	scan   Scanner
	total  int // bytes written
	clear  int // bytes given up
	ended  bool
	before bool // something was released before it: of a match that begins there, the rest is taken out
	pieces []piece
	cuts   []cut
}

type piece struct{ event, ref, start, end int } // sequence number, reference, and where the piece stands in the text

// NewHold returns an empty queue of at most max bytes.
func NewHold[K comparable](max int) *Hold[K] {
	return &Hold[K]{texts: make(map[K]*text), max: max}
}

// Reset makes the queue new, and keeps its memory, which is cleared.
func (h *Hold[K]) Reset(max int) {
	clear(h.data) // what is behind was cleared when it was released
	if cap(h.data) > maxKept {
		h.data = nil
	}
	clear(h.queue)
	clear(h.texts)
	clear(h.matches)
	clear(h.going)
	*h = Hold[K]{queue: h.queue[:0], data: h.data[:0], texts: h.texts, going: h.going[:0], max: max, matches: h.matches[:0]}
}

// maxKept is the largest buffer that Reset keeps, in bytes.
const maxKept = 1 << 18

// Has reports whether a text has begun.
func (h *Hold[K]) Has(key K) bool { return h.texts[key] != nil }

// Begin begins a text that s follows. Error: [ErrSize] for too many texts.
func (h *Hold[K]) Begin(key K, s Scanner) error {
	if len(h.texts) >= maxTexts {
		return ErrSize
	}
	h.texts[key] = &text{scan: s}
	h.going = append(h.going, key)
	return nil
}

// Event puts an event at the end of the queue; data is copied. Error: [ErrSize] where the queue is full.
func (h *Hold[K]) Event(data []byte) error {
	if h.Held()+len(data) > h.max {
		return ErrSize
	}
	if h.free > 0 && len(h.data)+len(data) > cap(h.data) {
		h.compact()
	}
	h.data = append(h.data, data...)
	h.queue = append(h.queue, queued{end: len(h.data)})
	return nil
}

func (h *Hold[K]) compact() {
	n := copy(h.data, h.data[h.free:])
	clear(h.data[n:])
	h.data = h.data[:n]
	for i := range h.queue {
		h.queue[i].end -= h.free
	}
	h.free = 0
}

// Text says that the event queued last carries the next piece of the text key, which it knows by ref. All that the scanner
// reports is taken out of the text.
// Errors: [ErrEnded] for a text that has ended or not begun, [ErrOrder] for a scanner that is late, and those of the scanner.
func (h *Hold[K]) Text(key K, ref int, p []byte) error {
	t := h.texts[key]
	if t == nil || t.ended {
		return ErrEnded
	}
	last := len(h.queue) - 1
	t.pieces = append(t.pieces, piece{event: h.first + last, ref: ref, start: t.total, end: t.total + len(p)})
	t.total += len(p)
	h.queue[last].open++
	var held int
	var err error
	if h.matches, held, err = t.scan.Write(h.matches[:0], p); err != nil {
		return err
	}
	return h.advance(t, t.total-held)
}

// Before says what came before a text that has just begun, in events that were released: its scanner reads it, and what it reports of it alone is dropped.
// Errors: those of the scanner, and of [Hold.Text].
func (h *Hold[K]) Before(key K, p []byte) error {
	t := h.texts[key]
	if t == nil || t.ended {
		return ErrEnded
	}
	t.total += len(p)
	t.clear, t.before = t.total, true
	var err error
	h.matches, _, err = t.scan.Write(h.matches[:0], p)
	return err
}

// advance takes the matches in and gives up the pieces of t that end at or before position upto.
func (h *Hold[K]) advance(t *text, upto int) error {
	for _, m := range h.matches {
		if t.before && m.Start < t.clear && m.End > t.clear {
			m.Start = t.clear
		}
		if m.Start < t.clear || m.End < m.Start || m.End > t.total {
			return ErrOrder
		}
		t.cuts = insert(t.cuts, m)
	}
	if t.before { // of which the scanner may hold some
		upto = max(upto, t.clear)
	}
	if upto < t.clear || upto > t.total {
		return ErrOrder
	}
	t.clear = upto
	n := 0
	for n < len(t.pieces) && t.pieces[n].end <= upto {
		p := t.pieces[n]
		q := &h.queue[p.event-h.first]
		q.open--
		for len(t.cuts) > 0 && t.cuts[0].start < p.end {
			c := t.cuts[0]
			e := Edit{Ref: p.ref, Start: max(c.start-p.start, 0), End: min(c.end, p.end) - p.start}
			if c.start >= p.start {
				e.With = c.first.Replacement
			}
			q.edits = append(q.edits, e)
			if c.end > p.end {
				break // it goes on in the next piece
			}
			t.cuts = t.cuts[1:]
		}
		n++
	}
	t.pieces = append(t.pieces[:0], t.pieces[n:]...)
	return nil
}

// Finish ends the texts that which accepts, or all if which is nil. Nothing may be added to them. It asks about those only that have
// not ended, in the order in which they began.
func (h *Hold[K]) Finish(which func(K) bool) error {
	left := 0
	for _, k := range h.going {
		if which != nil && !which(k) {
			h.going[left] = k
			left++
			continue
		}
		t := h.texts[k]
		t.ended = true
		var err error
		if h.matches, err = t.scan.Finish(h.matches[:0]); err != nil {
			return err
		}
		if err := h.advance(t, t.total); err != nil {
			return err
		}
	}
	clear(h.going[left:])
	h.going = h.going[:left]
	return nil
}

// Release calls emit for each event at the head of the queue that is clear, in order, with what is to be replaced in it,
// in no order; edits of one piece may overlap. Both are valid during the call only.
func (h *Hold[K]) Release(emit func(data []byte, edits []Edit)) {
	n := 0
	for n < len(h.queue) && h.queue[n].open == 0 {
		q := h.queue[n]
		emit(h.data[h.free:q.end], q.edits)
		h.free = q.end
		n++
	}
	if n == 0 {
		return
	}
	h.first += n
	m := copy(h.queue, h.queue[n:])
	clear(h.queue[m:])
	h.queue = h.queue[:m]
	if m == 0 {
		clear(h.data)
		h.data, h.free = h.data[:0], 0
	}
}

// Held returns the number of bytes in the queue.
func (h *Hold[K]) Held() int { return len(h.data) - h.free }

// Edit adds a replacement to the event queued last.
func (h *Hold[K]) Edit(e Edit) {
	q := &h.queue[len(h.queue)-1]
	q.edits = append(q.edits, e)
}

// Changed reports whether something is to be replaced in an event of the queue.
func (h *Hold[K]) Changed() bool {
	for i := range h.queue {
		if len(h.queue[i].edits) > 0 {
			return true
		}
	}
	return false
}
