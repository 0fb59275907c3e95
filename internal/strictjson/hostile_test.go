package strictjson

import (
	"bytes"
	"errors"
	"testing"
)

// An array of two-byte items would cost a slice of large structs twenty times its text: its length is bounded before
// anything is allocated.
func TestItems(t *testing.T) {
	var v struct {
		A []struct{ B []string }
	}
	for text, want := range map[string]error{
		`{"A":[{},{}]}`: nil, `{"A":[{},{},{}]}`: ErrSize, `{"A":[null,null,null]}`: ErrSize, `{"A":[{"B":["","",""]}]}`: ErrSize,
	} {
		if err := Unmarshal([]byte(text), &v, Limits{MaxItems: 2}); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

type deep struct {
	X int `json:"x"`
}

type shallow struct {
	Deep deep `json:"v"`
}

// Keys follow the rules that encoding/json has for embedded structs: a tag makes the struct a field, else its fields are
// promoted, and of two with one name the less nested wins.
func TestEmbedded(t *testing.T) {
	type tagged struct {
		deep  `json:"-"`
		Inner deep `json:"inner"`
	}
	type Named struct {
		X int `json:"x"`
	}
	type named struct {
		Named `json:"in"`
	}
	type promoted struct{ Named }
	type hides struct {
		shallow
		V struct {
			Y int `json:"y"`
		} `json:"v"`
	}
	for _, c := range []struct {
		v    any
		text string
		want error
	}{
		{new(tagged), `{"inner":{"x":1}}`, nil}, {new(tagged), `{"x":1}`, ErrField},
		{new(named), `{"in":{"x":1}}`, nil}, {new(named), `{"x":1}`, ErrField}, {new(named), `{"in":{"y":1}}`, ErrField},
		{new(promoted), `{"x":1}`, nil}, {new(promoted), `{"Named":{"x":1}}`, ErrField},
		{new(hides), `{"v":{"y":1}}`, nil}, {new(hides), `{"v":{"x":1}}`, ErrField},
	} {
		err := Unmarshal([]byte(c.text), c.v, Limits{})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%T %s: %v, want %v", c.v, c.text, err, c.want)
		}
	}
}

type upper string

func (u *upper) UnmarshalText(b []byte) error { *u = upper(bytes.ToUpper(b)); return nil }

// Two keys that become one in a map, and arrays that are not as long as their type, would lose values silently.
func TestLossyTypes(t *testing.T) {
	for text, v := range map[string]any{
		`{"1":"a","01":"b"}`: new(map[int]string), `{"1":"a"}`: new(map[upper]string), `[1,2,3]`: new([2]int), `[1]`: new([2]int),
	} {
		if err := Unmarshal([]byte(text), v, Limits{}); !errors.Is(err, ErrType) {
			t.Errorf("%T %s: %v", v, text, err)
		}
	}
}
