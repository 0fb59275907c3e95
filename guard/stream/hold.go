package stream

// A Scanner follows one text. Write takes its next piece and returns how many bytes at the end of the text may be the
// start of a match, and the id of a rule that matched ("" for none); Finish ends the text.
type Scanner interface {
	Write(p []byte) (held int, rule string)
	Finish() (rule string)
}

// maxTexts bounds the texts of one stream: choices times tool calls of a hostile server would cost memory for ever.
const maxTexts = 1024

// Hold queues events, first in, first out, until every text they carry is clear. K names a text. A Hold that returned a
// rule or an error must release nothing more.
type Hold[K comparable] struct {
	events []queued
	texts  map[K]*text
	first  int // sequence number of events[0]
	size   int // bytes queued
	max    int
}

type queued struct {
	data []byte
	open int // pieces of this event that are not clear yet
}

// text is one growing text with the events that carry its unclear tail, oldest first.
type text struct {
	scan  Scanner
	total int // bytes written
	parts []part
}

type part struct{ event, end int } // sequence number, and where the event's piece ends in the text

// NewHold returns an empty queue of at most max bytes.
func NewHold[K comparable](max int) *Hold[K] {
	return &Hold[K]{texts: make(map[K]*text), max: max}
}

// Event puts an event at the end of the queue; data is copied. Error: [ErrSize] where the queue is full.
func (h *Hold[K]) Event(data []byte) error {
	if h.size += len(data); h.size > h.max {
		return ErrSize
	}
	h.events = append(h.events, queued{data: append([]byte(nil), data...)})
	return nil
}

// Text says that the event queued last carries the next piece of the text key; start makes the scanner of a text that
// is new. It returns the rule that matched, if any. Error: [ErrSize] for too many texts.
func (h *Hold[K]) Text(key K, start func() Scanner, piece []byte) (rule string, err error) {
	t := h.texts[key]
	if t == nil {
		if len(h.texts) >= maxTexts {
			return "", ErrSize
		}
		t = &text{scan: start()}
		h.texts[key] = t
	}
	last := len(h.events) - 1
	t.total += len(piece)
	t.parts = append(t.parts, part{event: h.first + last, end: t.total})
	h.events[last].open++
	held, rule := t.scan.Write(piece)
	if rule == "" {
		h.clear(t, t.total-held)
	}
	return rule, nil
}

// clear gives up the pieces of t that end at or before position upto.
func (h *Hold[K]) clear(t *text, upto int) {
	n := 0
	for n < len(t.parts) && t.parts[n].end <= upto {
		h.events[t.parts[n].event-h.first].open--
		n++
	}
	t.parts = append(t.parts[:0], t.parts[n:]...)
}

// Finish ends all texts. It returns the rule that matched, if any.
func (h *Hold[K]) Finish() (rule string) {
	for _, t := range h.texts {
		if rule := t.scan.Finish(); rule != "" {
			return rule
		}
		h.clear(t, t.total)
	}
	return ""
}

// Release calls emit for each event at the head of the queue that is clear, in order.
func (h *Hold[K]) Release(emit func(data []byte)) {
	n := 0
	for n < len(h.events) && h.events[n].open == 0 {
		emit(h.events[n].data)
		h.size -= len(h.events[n].data)
		n++
	}
	clear(h.events[:n])
	h.events = append(h.events[:0], h.events[n:]...)
	h.first += n
}

// Held returns the number of bytes in the queue.
func (h *Hold[K]) Held() int { return h.size }
