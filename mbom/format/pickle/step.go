package pickle

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

func (w *walker) global(module, name string) {
	w.imports[Import{module, name}] = true
	w.named = w.named || dotted(module) && dotted(name)
}

// textGlobal reads the two lines of GLOBAL and INST. Names that are no identifiers are kept as they are: a module may have
// such a name, and what follows them is run too. No loader goes on behind one that is not UTF-8.
func (w *walker) textGlobal() (i Import, ok bool) {
	i.Module, _ = w.line()
	if w.bad != stopped {
		return i, false
	}
	i.Name, _ = w.line()
	if !utf8.ValidString(i.Module) || !utf8.ValidString(i.Name) {
		w.fail()
		return i, false
	}
	w.global(i.Module, i.Name) // also where the file ends in the name
	return i, true
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
	w.named = w.named || (i.Module == "?" || dotted(i.Module)) && (i.Name == "?" || dotted(i.Name)) // prose puts no names together
	w.push(value{kind: imported, text: i.String()})
}

func (w *walker) get(slot uint64) {
	v, ok := w.memo[slot]
	if !ok { // a loader stops here; what it could name is unknown
		v = value{}
	}
	w.push(v)
}

func (w *walker) called() {
	if w.bad == stopped {
		w.calls = true
	}
}

// change looks at what is on top, to which a state or items are given. A class or function itself is never given any.
func (w *walker) change() {
	if w.top().kind == imported {
		w.changes = true
	}
}

// build pushes what a call of v returns.
func (w *walker) build(v value) {
	if v.kind == imported {
		w.push(value{kind: built, text: v.text})
		return
	}
	w.push(value{})
}

// items looks at what items are given to by key. Of what a clean pickle builds dictionaries alone are: in a tensor they wrote
// outside of its memory (CVE-2026-24747).
func (w *walker) items() {
	w.change()
	if v := w.top(); v.kind == built {
		at := strings.LastIndexByte(v.text, '.')
		switch i := (Import{v.text[:at], v.text[at+1:]}); i.Name {
		case "OrderedDict", "defaultdict", "Counter", "dict":
		default:
			w.changes = w.changes || judge(i) == Clean
		}
	}
}

// literal reads the text of a number.
func (w *walker) literal(is func(string) bool) {
	if s, whole := w.line(); whole && !is(s) {
		w.fail()
	}
	w.push(value{})
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
	case opFloat:
		w.literal(floating)
	case opInt, opLong:
		w.literal(integral)
	case opBinInt1:
		w.push(value{kind: integer, number: int64(w.uint(1))})
	case opBinInt2:
		w.push(value{kind: integer, number: int64(w.uint(2))})
	case opBinInt:
		w.push(value{kind: integer, number: int64(int32(w.uint(4)))})
	case opBinFloat:
		w.uint(8)
		w.push(value{})
	case opLong1:
		w.long(w.uint(1))
	case opLong4:
		w.long(w.uint(4))
	case opString:
		line, whole := w.line()
		s, ok := quoted(line)
		if whole && !ok {
			w.fail()
			return
		}
		w.pushText(unescape(s), whole)
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
		w.startFrame()
	case opAppend:
		w.pop()
		w.change()
	case opSetItem:
		w.pops(2)
		w.items()
	case opSetItems:
		w.popMark()
		w.items()
	case opAppends, opAddItems:
		w.popMark()
		w.change()
	case opTuple:
		w.tuple()
	case opList, opDict, opFrozenSet:
		w.popMark()
		w.push(value{})
	case opTuple1, opTuple2, opTuple3:
		w.pops(int(op) - opTuple1 + 1)
		w.push(value{})
	case opGet:
		w.get(w.slot())
	case opBinGet:
		w.get(w.uint(1))
	case opLongBinGet:
		w.get(w.uint(4))
	case opPut:
		w.memo[w.slot()] = w.top()
	case opBinPut:
		w.memo[w.uint(1)] = w.top()
	case opLongBinPut:
		w.memo[w.uint(4)] = w.top()
	case opMemoize:
		w.memo[uint64(len(w.memo))] = w.top()
	case opPersID:
		w.line()
		w.persistentID(value{})
		w.push(value{})
	case opBinPersID:
		w.persistentID(w.pop())
		w.push(value{})
	case opGlobal:
		i, _ := w.textGlobal()
		w.push(value{kind: imported, text: i.String()})
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
		w.pop()
		w.build(w.pop())
	case opNewObjEx:
		w.pops(2)
		w.build(w.pop())
	case opBuild:
		w.pop()
		w.change()
	case opInst: // imports before it looks for the mark, as the unpickler does that is written in Python
		i, ok := w.textGlobal()
		w.calls = ok && w.marks > 0 || w.calls
		w.popMark()
		w.push(value{kind: built, text: i.String()})
	case opObj:
		if made := w.popMark(); len(made) > 0 { // what is called, and its arguments
			w.build(made[0])
		} else {
			w.fail()
		}
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
	if v, small := signed(s); ok && small {
		w.push(value{kind: integer, number: v})
		return
	}
	w.push(value{})
}

// tuple takes what lies above the last mark.
func (w *walker) tuple() {
	var v value
	for n := len(w.stack) - 1; n >= 0 && n >= len(w.stack)-6; n-- {
		if w.stack[n].kind == mark {
			v = storageOf(w.stack[n+1:])
			break
		}
	}
	w.popMark()
	w.push(v)
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
