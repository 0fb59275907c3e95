package strictjson

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// Unmarshal checks data and stores it in v through encoding/json. Every key of an object that is stored in a struct must
// be spelled exactly as a field of it: encoding/json alone would ignore case and unknown keys.
// Errors unwrap to the sentinels of this package; they never quote the data.
func Unmarshal(data []byte, v any, l Limits) error { return unmarshal(data, v, l, false) }

// UnmarshalKnown is [Unmarshal] for formats whose objects may have further keys: unknown ones are skipped, and those that
// differ from a field only in case are still refused.
func UnmarshalKnown(data []byte, v any, l Limits) error { return unmarshal(data, v, l, true) }

func unmarshal(data []byte, v any, l Limits, unknown bool) error {
	w := &typeWalker{unknown: unknown, stack: []reflect.Type{reflect.TypeOf(v)}}
	if err := Walk(data, l, w); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		off := 0
		if te, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			off = int(te.Offset)
		}
		return &SyntaxError{Offset: off, Err: ErrType}
	}
	return nil
}

// typeWalker follows the type that each value will be stored in; nil stands for "anything".
type typeWalker struct {
	unknown bool
	stack   []reflect.Type // type of the value that comes next, under those of the open containers
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// container returns the struct, map, slice or array behind t, or nil where encoding/json hands the value on.
func container(t reflect.Type) reflect.Type {
	for t != nil {
		if t.Implements(jsonUnmarshaler) || reflect.PointerTo(t).Implements(jsonUnmarshaler) || t.Implements(textUnmarshaler) {
			return nil
		}
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	return t
}

func (w *typeWalker) top() reflect.Type { return w.stack[len(w.stack)-1] }

func (w *typeWalker) Enter(Kind, int) error {
	t := container(w.top())
	var elem reflect.Type
	if t != nil {
		switch t.Kind() {
		case reflect.Map, reflect.Slice, reflect.Array:
			elem = t.Elem()
		}
	}
	w.stack = append(w.stack, elem)
	return nil
}

func (w *typeWalker) Leave(Kind, int) error {
	w.stack = w.stack[:len(w.stack)-1]
	return nil
}

func (w *typeWalker) Value(Kind, []byte, int) error { return nil }

func (w *typeWalker) Key(raw []byte, off int) error {
	t := container(w.stack[len(w.stack)-2])
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	key := string(AppendUnquoted(nil, raw))
	w.stack[len(w.stack)-1] = nil
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case name == "":
			name = f.Name
		}
		if name == key {
			w.stack[len(w.stack)-1] = f.Type
			return nil
		}
		if strings.EqualFold(name, key) {
			return &SyntaxError{Offset: off, Err: ErrDuplicate}
		}
	}
	if w.unknown {
		return nil
	}
	return &SyntaxError{Offset: off, Err: ErrField}
}
