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
// Maps have string keys, and arrays of a fixed length are refused: encoding/json would lose what does not fit into others.
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

func (w *typeWalker) Enter(_ Kind, off int) error {
	var elem reflect.Type
	if t := container(w.top()); t != nil {
		switch t.Kind() {
		case reflect.Slice:
			elem = t.Elem()
		case reflect.Map:
			if t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(textUnmarshaler) {
				return &SyntaxError{Offset: off, Err: ErrType} // "1" and "01" would be one key
			}
			elem = t.Elem()
		case reflect.Array: // encoding/json drops what does not fit
			return &SyntaxError{Offset: off, Err: ErrType}
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
	f, variant := field(t, key)
	w.stack[len(w.stack)-1] = f
	if f != nil {
		return nil
	}
	if variant {
		return &SyntaxError{Offset: off, Err: ErrDuplicate}
	}
	if w.unknown {
		return nil
	}
	return &SyntaxError{Offset: off, Err: ErrField}
}

// field returns the type of the field of t that encoding/json stores key in: the least nested one of that name, embedded
// structs without a name of their own counting as levels. nil: none, or several on one level. variant tells that a field
// differs from key only in case.
func field(t reflect.Type, key string) (found reflect.Type, variant bool) {
	for level := []reflect.Type{t}; len(level) > 0 && len(level) < 100; { // a type that embeds itself ends at the bound
		var next []reflect.Type
		matches := 0
		for _, t := range level {
			for f := range t.Fields() {
				tag := f.Tag.Get("json")
				name, _, _ := strings.Cut(tag, ",")
				inner := f.Type
				if inner.Kind() == reflect.Pointer {
					inner = inner.Elem()
				}
				switch {
				case tag == "-":
					continue
				case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
					next = append(next, inner)
					continue
				case !f.IsExported():
					continue
				case name == "":
					name = f.Name
				}
				if name == key {
					found = f.Type
					matches++
				}
				variant = variant || strings.EqualFold(name, key)
			}
		}
		if matches == 1 {
			return found, false
		}
		if matches > 1 {
			return nil, true
		}
		level = next
	}
	return nil, variant
}
