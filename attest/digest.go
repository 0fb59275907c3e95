package attest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A Digest is a SHA-256 digest or identifier of that size. Its text form is 64 lower-case hexadecimal digits.
type Digest [32]byte

// String returns the text form.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns the text form.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts the text form and nothing else. Errors: [ErrFormat].
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) != 2*len(d) || strings.ToLower(string(b)) != string(b) {
		return fmt.Errorf("%w: a digest has 64 lower-case hexadecimal digits", ErrFormat)
	}
	_, err := hex.Decode(d[:], b)
	if err != nil {
		return fmt.Errorf("%w: digest: not hexadecimal", ErrFormat)
	}
	return nil
}

func parse(what string, data []byte, v any, maxBytes int) error {
	if err := strictjson.Unmarshal(data, v, strictjson.Limits{MaxBytes: maxBytes, MaxDepth: 16}); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, what, err)
	}
	if err := complete(data, reflect.TypeOf(v).Elem()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, what, err)
	}
	return nil
}

// complete refuses JSON in which a field of t is missing, or null where null has no meaning: SPEC 5 "Absent is explicit".
// data has passed strictjson.
func complete(data []byte, t reflect.Type) error {
	switch t.Kind() {
	case reflect.Pointer:
		if string(data) == "null" {
			return nil
		}
		return complete(data, t.Elem())
	case reflect.Slice:
		if string(data) == "null" {
			return fmt.Errorf("null is no list")
		}
		if t.Elem().Kind() == reflect.Uint8 {
			return oneForm(data)
		}
		var items []json.RawMessage
		if err := json.Unmarshal(data, &items); err != nil {
			return err
		}
		for _, x := range items {
			if err := complete(x, t.Elem()); err != nil {
				return err
			}
		}
		return nil
	}
	if string(data) == "null" {
		return fmt.Errorf("null for a value")
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for f := range t.Fields() {
		raw, ok := fields[f.Tag.Get("json")]
		if !ok {
			return fmt.Errorf("%s is missing", f.Tag.Get("json"))
		}
		if err := complete(raw, f.Type); err != nil {
			return fmt.Errorf("%s: %w", f.Tag.Get("json"), err)
		}
	}
	return nil
}

// oneForm refuses bytes in another form than one base64 string: the decoder also takes lists of numbers, and line breaks.
func oneForm(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("bytes are not base64")
	}
	_, err := dsse.DecodeBase64(text)
	return err
}
