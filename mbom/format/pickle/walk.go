package pickle

import (
	"bufio"
	"io"
)

// ending says how a stream ended.
type ending int

const (
	stopped ending = iota // at STOP
	broke                 // at bytes that are no pickle, or at the end of the file
	limited               // at a limit of ours
)

type kind byte

const (
	other kind = iota
	mark
	str      // text is known
	imported // a module's class or function itself, in text as module.name; not what a call of it returned
	built    // what a call of something imported returned, which text names
	integer
	storageID // the tuple that names a storage of torch: class and key in text, elements in number
)

type value struct {
	kind   kind
	text   string
	number int64
}

// walker runs over opcodes with a model of the stack and the memo. It keeps strings, marks and what was imported; all other
// values are alike.
type walker struct {
	r     *bufio.Reader
	at    int64 // bytes read of the stream
	frame int64 // where the current frame ends; 0 before the first one
	ops   int
	stack []value
	marks int
	memo  map[uint64]value

	imports     map[Import]bool
	named       bool // at least one import has names as prose does not
	notes       []string
	calls       bool // REDUCE, BUILD, INST, OBJ or NEWOBJ
	changes     bool // an imported class or function is changed
	ambiguous   bool // loaders read different opcodes
	ext         bool // EXT1, EXT2, EXT4
	persistent  bool // PERSID, BINPERSID
	oddID       bool // one that names no storage
	storages    []storage
	broken      bool
	legacyMagic bool // the stream was the magic number of the older torch layout
	scratch     [MaxText]byte
	bad         ending // why the walk cannot go on
}

func newWalker(r io.Reader) *walker {
	return &walker{r: bufio.NewReader(r), imports: map[Import]bool{}}
}

func (w *walker) note(s string) { w.notes = append(w.notes, s) }

// more reports whether bytes follow.
func (w *walker) more() bool {
	_, err := w.r.Peek(1)
	return err == nil
}

// stream walks one pickle. The stack and the memo start empty, as in a loader.
func (w *walker) stream() ending {
	w.stack, w.marks, w.memo, w.bad = w.stack[:0], 0, map[uint64]value{}, stopped
	w.ops, w.frame, w.legacyMagic = 0, 0, false
	for {
		op, err := w.r.ReadByte()
		if err != nil {
			return broke
		}
		w.advance(1)
		if w.ops++; w.ops > MaxOps || len(w.stack) > MaxStack || len(w.memo) > MaxStack || len(w.imports) > MaxImports {
			return limited
		}
		if op == opStop {
			cut := w.at < w.frame
			w.ambiguous = w.ambiguous || cut && w.more() // the next stream begins here to one loader, behind the frame to another
			if len(w.stack) == 0 || cut {
				return broke
			}
			return stopped
		}
		if w.step(op); w.bad != stopped {
			return w.bad
		}
	}
}

func (w *walker) fail() { w.bad = broke }

func (w *walker) push(v value) {
	if v.kind == mark {
		w.marks++
	}
	w.stack = append(w.stack, v)
}

func (w *walker) pop() value {
	n := len(w.stack) - 1
	if n < 0 || w.stack[n].kind == mark {
		w.fail()
		return value{}
	}
	v := w.stack[n]
	w.stack = w.stack[:n]
	return v
}

func (w *walker) pops(n int) {
	for range n {
		w.pop()
	}
}

func (w *walker) top() value {
	if n := len(w.stack); n > 0 && w.stack[n-1].kind != mark {
		return w.stack[n-1]
	}
	w.fail()
	return value{}
}

// popMark drops everything down to the last mark and returns what that was, until the next push.
func (w *walker) popMark() []value {
	if w.marks == 0 {
		w.fail()
		return nil
	}
	n := len(w.stack) - 1
	for w.stack[n].kind != mark {
		n--
	}
	dropped := w.stack[n+1:]
	w.stack = w.stack[:n]
	w.marks--
	return dropped
}

func (w *walker) pushText(s string, ok bool) {
	if !ok {
		w.push(value{})
		return
	}
	w.push(value{kind: str, text: s})
}
