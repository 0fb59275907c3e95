package pickle

import (
	"bufio"
	"encoding/binary"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
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
	str // text is known
)

type value struct {
	kind kind
	text string
}

// walker runs over opcodes with a model of the stack and the memo. It keeps strings and marks; all other values are alike.
type walker struct {
	r     *bufio.Reader
	at    int64
	ops   int
	stack []value
	marks int
	memo  map[uint64]value

	imports     map[Import]bool
	notes       []string
	calls       bool // REDUCE, BUILD, INST, OBJ or NEWOBJ
	ext         bool // EXT1, EXT2, EXT4
	persistent  bool // PERSID, BINPERSID
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
	w.ops, w.legacyMagic = 0, false
	for {
		op, err := w.r.ReadByte()
		if err != nil {
			return broke
		}
		w.at++
		if w.ops++; w.ops > MaxOps || len(w.stack) > MaxStack || len(w.memo) > MaxStack || len(w.imports) > MaxImports {
			return limited
		}
		if op == opStop {
			if len(w.stack) == 0 {
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

// popMark drops everything down to the last mark and returns how much that was.
func (w *walker) popMark() int {
	if w.marks == 0 {
		w.fail()
		return 0
	}
	n := len(w.stack) - 1
	for w.stack[n].kind != mark {
		n--
	}
	dropped := len(w.stack) - 1 - n
	w.stack = w.stack[:n]
	w.marks--
	return dropped
}

// bytes reads n bytes and returns them where they are few enough to keep.
func (w *walker) bytes(n uint64) (string, bool) {
	if n <= MaxText {
		k, err := io.ReadFull(w.r, w.scratch[:n])
		w.at += int64(k)
		if err != nil {
			w.fail()
			return "", false
		}
		return string(w.scratch[:n]), true
	}
	if n > 1<<62 {
		w.fail()
		return "", false
	}
	k, err := io.CopyN(io.Discard, w.r, int64(n))
	w.at += k
	if err != nil {
		w.fail()
	}
	return "", false
}

func (w *walker) uint(size int) uint64 {
	var b [8]byte
	k, err := io.ReadFull(w.r, b[:size])
	w.at += int64(k)
	if err != nil {
		w.fail()
	}
	return binary.LittleEndian.Uint64(b[:])
}

// line reads text up to a newline, as the text protocols use it.
func (w *walker) line() (string, bool) {
	var out []byte
	for {
		part, err := w.r.ReadSlice('\n')
		w.at += int64(len(part))
		if len(out) <= MaxText {
			out = append(out, part...)
		}
		if err == nil {
			break
		}
		if err != bufio.ErrBufferFull {
			w.fail()
			return "", false
		}
	}
	s := strings.TrimRight(string(out), "\r\n")
	return s, len(s) <= MaxText
}

func (w *walker) pushText(s string, ok bool) {
	if !ok {
		w.push(value{})
		return
	}
	w.push(value{str, s})
}

func (w *walker) global(module, name string) {
	w.imports[Import{module, name}] = true
	w.push(value{})
}

// textGlobal reads the two lines of GLOBAL and INST. Names that no module could have end the walk: they are prose, or
// garbage that a loader could not import either.
func (w *walker) textGlobal() {
	module, ok1 := w.line()
	name, ok2 := w.line()
	if w.bad != stopped {
		return
	}
	if !ok1 || !ok2 || !dotted(module) || !dotted(name) {
		w.fail()
		return
	}
	w.global(module, name)
}

// dotted reports whether s could be the name of a module or attribute. Python allows letters of any script.
func dotted(s string) bool {
	if s == "" || !utf8.ValidString(s) || s[0] == '.' || s[len(s)-1] == '.' || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c == '_', c == '.', c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80, c == '<', c == '>':
		default:
			return false
		}
	}
	return true
}

func (w *walker) stackGlobal() {
	name, module := w.pop(), w.pop()
	if w.bad != stopped {
		return
	}
	i := Import{"?", "?"}
	if module.kind == str {
		i.Module = module.text
	}
	if name.kind == str {
		i.Name = name.text
	}
	w.global(i.Module, i.Name)
}

func (w *walker) get(slot uint64) {
	v, ok := w.memo[slot]
	if !ok { // a loader stops here; what it could name is unknown
		v = value{}
	}
	w.push(v)
}

func (w *walker) number() uint64 {
	s, ok := w.line()
	n, err := strconv.ParseUint(s, 10, 63)
	if !ok || err != nil {
		w.fail()
	}
	return n
}

func (w *walker) called() {
	if w.bad == stopped {
		w.calls = true
	}
}

func (w *walker) step(op byte) {
	switch op {
	case opMark:
		w.push(value{kind: mark})
	case opPop:
		if n := len(w.stack); n > 0 && w.stack[n-1].kind == mark {
			w.popMark()
		} else {
			w.pop()
		}
	case opPopMark:
		w.popMark()
	case opDup:
		w.push(w.top())
	case opNone, opEmptyDict, opEmptyList, opEmptyTuple, opEmptySet, opNewTrue, opNewFalse, opNextBuffer:
		w.push(value{})
	case opReadonlyBuffer:
		w.top()
	case opFloat, opInt, opLong:
		s, ok := w.line()
		if !ok || !numeric(s) {
			w.fail()
		}
		w.push(value{})
	case opBinInt1:
		w.uint(1)
		w.push(value{})
	case opBinInt2:
		w.uint(2)
		w.push(value{})
	case opBinInt:
		w.uint(4)
		w.push(value{})
	case opBinFloat:
		w.uint(8)
		w.push(value{})
	case opLong1:
		w.long(w.uint(1))
	case opLong4:
		w.long(w.uint(4))
	case opString:
		s, ok := w.line()
		if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
			w.fail()
			return
		}
		w.pushText(unescape(s[1:len(s)-1]), ok)
	case opUnicode:
		s, ok := w.line()
		w.pushText(unescape(s), ok)
	case opShortBinString, opShortBinUnicode, opShortBinBytes:
		w.pushText(w.bytes(w.uint(1)))
	case opBinString, opBinUnicode, opBinBytes:
		w.pushText(w.bytes(w.uint(4)))
	case opBinUnicode8, opBinBytes8, opByteArray8:
		w.pushText(w.bytes(w.uint(8)))
	default:
		w.structure(op)
	}
}

// structure handles the opcodes that combine what is on the stack.
func (w *walker) structure(op byte) {
	switch op {
	case opProto:
		if w.uint(1) > 5 {
			w.fail()
		}
	case opFrame:
		w.uint(8) // a hint to buffering loaders
	case opAppend, opSetItem:
		w.pops(1 + int(b2u(op == opSetItem)))
		w.top()
	case opAppends, opSetItems, opAddItems:
		w.popMark()
		w.top()
	case opList, opTuple, opDict, opFrozenSet:
		w.popMark()
		w.push(value{})
	case opTuple1, opTuple2, opTuple3:
		w.pops(int(op) - opTuple1 + 1)
		w.push(value{})
	case opGet:
		w.get(w.number())
	case opBinGet:
		w.get(w.uint(1))
	case opLongBinGet:
		w.get(w.uint(4))
	case opPut:
		w.memo[w.number()] = w.top()
	case opBinPut:
		w.memo[w.uint(1)] = w.top()
	case opLongBinPut:
		w.memo[w.uint(4)] = w.top()
	case opMemoize:
		w.memo[uint64(len(w.memo))] = w.top()
	case opPersID:
		w.line()
		w.persistent = true
		w.push(value{})
	case opBinPersID:
		w.pop()
		w.persistent = true
		w.push(value{})
	case opGlobal:
		w.textGlobal()
	case opStackGlobal:
		w.stackGlobal()
	case opExt1, opExt2, opExt4:
		w.uint(1 << (op - opExt1))
		w.ext = true
		w.push(value{})
	default:
		w.call(op)
	}
}

// call handles the opcodes that run code of the loaded classes.
func (w *walker) call(op byte) {
	switch op {
	case opReduce, opNewObj:
		w.pops(2)
		w.push(value{})
	case opNewObjEx:
		w.pops(3)
		w.push(value{})
	case opBuild:
		w.pop()
		w.top()
	case opInst:
		w.popMark()
		w.textGlobal()
	case opObj:
		if w.popMark() == 0 {
			w.fail()
		}
		w.push(value{})
	default:
		w.fail()
		return
	}
	w.called()
}

// torchMagic is the number that begins files of the older torch layout, little-endian (torch/serialization.py).
const torchMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

func (w *walker) long(n uint64) {
	s, ok := w.bytes(n)
	w.legacyMagic = ok && s == torchMagic && len(w.stack) == 0
	w.push(value{})
}

func numeric(s string) bool {
	if s == "" {
		return false
	}
	return strings.Trim(s, "0123456789+-.eEinfatyL") == ""
}

// unescape resolves the escapes that could hide a name in a text protocol.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	if u, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`); err == nil {
		return u
	}
	return "?" // names nothing, so an import by it is refused
}

func b2u(b bool) uint {
	if b {
		return 1
	}
	return 0
}
