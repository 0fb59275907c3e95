package strictjson

// Kind says what a value is.
type Kind byte

// The kinds of JSON values.
const (
	Null   Kind = 'n'
	Bool   Kind = 'b'
	Number Kind = '0'
	String Kind = '"'
	Array  Kind = '['
	Object Kind = '{'
)

// A Visitor receives the values of a text in order. Offsets are in bytes; raw slices alias the text.
//
// Enter is called at the start of an array or object and Leave at its end; Key before each member's value, with the
// quoted key; Value for each null, bool, number or string with its raw text. An error stops the walk and is returned as is.
type Visitor interface {
	Enter(k Kind, off int) error
	Leave(k Kind, off int) error
	Key(raw []byte, off int) error
	Value(k Kind, raw []byte, off int) error
}

// Walk scans data as [Check] does and calls v, if not nil, for every value. On an error v may have seen a prefix of the
// text: what it collected must be thrown away.
func Walk(data []byte, l Limits, v Visitor) error { return new(Walker).Walk(data, l, v) }

// A Walker is memory for one walk after the other, so that those of ordinary texts allocate nothing. The zero value is ready;
// it must not be copied.
type Walker struct {
	s      scanner
	buf    [256]byte // room for the keys of ordinary texts
	ends   [24]int
	frames [8]frame
}

// Walk is the function [Walk]. It must not be called again by v.
func (w *Walker) Walk(data []byte, l Limits, v Visitor) error {
	w.s = scanner{data: data, lim: l.withDefaults(), v: v, keys: keySet{w.buf[:0], w.ends[:0], w.frames[:0]}}
	err := w.s.walk()
	w.s = scanner{}
	clear(w.buf[:]) // keys are content, and so are the maps of the frames
	clear(w.frames[:])
	return err
}
