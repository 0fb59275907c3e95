package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	many := func(n int, key func(i int) string) string {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = key(i) + ":1"
		}
		return "{" + strings.Join(keys, ",") + "}"
	}
	for _, c := range []struct {
		text string
		want error
	}{
		{`{}`, nil}, {` [1, -0.5e+3, "a\u00e9\ud83d\ude00", null, true, false] `, nil}, {`"x"`, nil}, {`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`, nil},
		{many(40, func(i int) string { return strconv.Quote(fmt.Sprint("k", i)) }), nil},
		{``, ErrSyntax}, {` `, ErrSyntax}, {`{`, ErrSyntax}, {`[1,]`, ErrSyntax}, {`{"a":1,}`, ErrSyntax}, {`{"a" 1}`, ErrSyntax}, {`{a:1}`, ErrSyntax},
		{`{'a':1}`, ErrSyntax}, {`01`, ErrSyntax}, {`-`, ErrSyntax}, {`1.`, ErrSyntax}, {`.5`, ErrSyntax}, {`+1`, ErrSyntax}, {`1e`, ErrSyntax}, {`0x10`, ErrTrailing},
		{`NaN`, ErrSyntax}, {`Infinity`, ErrSyntax}, {`True`, ErrSyntax}, {`nul`, ErrSyntax}, {`"a`, ErrSyntax}, {"\"a\nb\"", ErrSyntax}, {"\"a\x00b\"", ErrSyntax},
		{`"\x41"`, ErrSyntax}, {`"\u12g4"`, ErrSyntax}, {`"\`, ErrSyntax}, {"\ufeff{}", ErrSyntax}, {`// c` + "\n1", ErrSyntax}, {"\v1", ErrSyntax},
		{`1 2`, ErrTrailing}, {`{}{}`, ErrTrailing}, {`{}x`, ErrTrailing}, {"{}\x00", ErrTrailing},
		{`"\ud800"`, ErrUTF8}, {`"\udc00"`, ErrUTF8}, {`"\ud800\ud800"`, ErrUTF8}, {`"\ud800x"`, ErrUTF8}, {"\"\xff\"", ErrUTF8}, {"\"\xc0\x80\"", ErrUTF8}, {"\"\xed\xa0\x80\"", ErrUTF8},
		{`{"a":1,"a":2}`, ErrDuplicate}, {`{"a":1,"A":2}`, ErrDuplicate}, {`{"a":1,"\u0061":2}`, ErrDuplicate}, {`{"s":1,"\u017f":2}`, ErrDuplicate}, {`{"K":1,"k":2}`, ErrDuplicate},
		{`[{"x":{"a":1,"b":2,"a":3}}]`, ErrDuplicate}, {`{"a":{"b":1},"b":1,"A":1}`, ErrDuplicate}, {`{"":1,"":2}`, ErrDuplicate},
		{many(40, func(i int) string { return strconv.Quote(fmt.Sprint("k", i%39)) }), ErrDuplicate},
		{many(40, func(i int) string { return strconv.Quote(strings.Repeat("x", i%39)) }), ErrDuplicate},
	} {
		err := Check([]byte(c.text), Limits{})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%q: got %v, want %v", c.text, err, c.want)
		}
		if _, ok := errors.AsType[*SyntaxError](err); err != nil && !ok {
			t.Errorf("%q: %T", c.text, err)
		}
	}
}

// Each limit is met by a text at it and missed by the text one past it.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		at, past string
		limits   Limits
		want     error
	}{
		{`[[]]`, `[[[]]]`, Limits{MaxDepth: 2}, ErrDepth},
		{`{"a":[]}`, `{"a":[{}]}`, Limits{MaxDepth: 2}, ErrDepth},
		{`{"a":1,"b":2}`, `{"a":1,"b":2,"c":3}`, Limits{MaxKeys: 2}, ErrSize},
		{`"abc"`, `"abcd"`, Limits{MaxBytes: 5}, ErrSize},
		{strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 1<<20), Limits{}, ErrDepth},
	} {
		if err := Check([]byte(c.at), c.limits); err != nil {
			t.Errorf("%.20q: %v", c.at, err)
		}
		if err := Check([]byte(c.past), c.limits); !errors.Is(err, c.want) {
			t.Errorf("%.20q: got %v, want %v", c.past, err, c.want)
		}
	}
}

type inner struct {
	Name string `json:"name"`
	Skip string `json:"-"`
}

type outer struct {
	ID    int              `json:"id"`
	In    inner            `json:"in"`
	List  []inner          `json:"list"`
	Map   map[string]inner `json:"map"`
	Ptr   *inner           `json:"ptr"`
	Raw   json.RawMessage  `json:"raw"`
	Plain bool
}

func TestUnmarshal(t *testing.T) {
	const good = `{"id":1,"in":{"name":"a"},"list":[{"name":"b"}],"map":{"any key":{"name":"c"},"id":{}},"ptr":{"name":"d"},"raw":{"x":[{"y":1}]},"Plain":true}`
	var v outer
	if err := Unmarshal([]byte(good), &v, Limits{}); err != nil {
		t.Fatal(err)
	}
	want := outer{1, inner{Name: "a"}, []inner{{Name: "b"}}, map[string]inner{"any key": {Name: "c"}, "id": {}}, &inner{Name: "d"}, json.RawMessage(`{"x":[{"y":1}]}`), true}
	if !reflect.DeepEqual(v, want) {
		t.Fatalf("got %+v", v)
	}
	for _, c := range []struct {
		old, new string
		want     error
		known    bool // also refused where unknown fields are allowed
	}{
		{`"id"`, `"Id"`, ErrDuplicate, true},
		{`"in":{"name"`, `"in":{"NAME"`, ErrDuplicate, true},
		{`[{"name"`, `[{"Name"`, ErrDuplicate, true},
		{`"ptr":{"name"`, `"ptr":{"nAme"`, ErrDuplicate, true},
		{`"Plain"`, `"plain"`, ErrDuplicate, true},
		{`"id":1`, `"id":"1"`, ErrType, true},
		{`"id":1`, `"id":1.5`, ErrType, true},
		{`"id":1`, `"id":99999999999999999999`, ErrType, true},
		{`"id"`, `"other"`, ErrField, false},
		{`"in":{"name"`, `"in":{"-"`, ErrField, false},
		{`"any key":{"name"`, `"any key":{"other"`, ErrField, false},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if err := Unmarshal([]byte(text), new(outer), Limits{}); !errors.Is(err, c.want) {
			t.Errorf("%s for %s: got %v, want %v", c.new, c.old, err, c.want)
		}
		if err := UnmarshalKnown([]byte(text), new(outer), Limits{}); (err != nil) != c.known {
			t.Errorf("%s for %s with unknown fields allowed: %v", c.new, c.old, err)
		}
	}
}

// Errors tell positions and never quote what was refused.
func TestErrorsDoNotQuote(t *testing.T) {
	const canary = "canary-5f1e"
	for _, text := range []string{`{"` + canary + `":1,"` + canary + `":2}`, `{"` + canary + `":1}`, `{"id":"` + canary + `"}`, `"` + canary, canary} {
		err := Unmarshal([]byte(text), new(outer), Limits{})
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
			t.Errorf("%s: %#v", text, err)
		}
	}
}

// A hostile object costs linear time: keys that a comparison of all pairs would make quadratic.
func TestManyKeysAreCheap(t *testing.T) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range 90_000 {
		fmt.Fprintf(&b, `"%08d":0,`, i)
	}
	b.WriteString(`"x":0}`)
	if err := Check(b.Bytes(), Limits{MaxBytes: 8 << 20}); err != nil {
		t.Fatal(err)
	}
}

// ambiguous finds, by another way, an object with two keys that are the same to encoding/json.
func ambiguous(data []byte) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value func() bool
	value = func() bool {
		tok, err := d.Token()
		if err != nil {
			return true
		}
		delim, ok := tok.(json.Delim)
		if !ok {
			return false
		}
		var seen []string
		for d.More() {
			if delim == '{' {
				k, err := d.Token()
				if err != nil {
					return true
				}
				for _, s := range seen {
					if strings.EqualFold(s, k.(string)) {
						return true
					}
				}
				seen = append(seen, k.(string))
			}
			if value() {
				return true
			}
		}
		_, err = d.Token()
		return err != nil
	}
	return value()
}

// FuzzCheck holds Check against encoding/json: what is accepted is valid there and has no ambiguous keys, and what is
// refused as syntax is invalid there.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\ud83d\ude00"],"b":null}`, `{"a":1,"A":2}`, `[[[]]]`, `"\ud800"`, `{"ſ":1,"s":2}`, "\"\xff\"", `1 2`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data, Limits{})
		valid := json.Valid(data)
		switch {
		case err == nil && (!valid || ambiguous(data)):
			t.Fatalf("accepted %q", data)
		case valid && (errors.Is(err, ErrSyntax) || errors.Is(err, ErrTrailing)):
			t.Fatalf("%q: %v", data, err)
		case errors.Is(err, ErrDuplicate) && valid && !ambiguous(data):
			t.Fatalf("%q has no duplicate: %v", data, err)
		}
		if err != nil {
			return
		}
		var v outer
		if Unmarshal(data, &v, Limits{}) == nil {
			d := json.NewDecoder(bytes.NewReader(data))
			d.DisallowUnknownFields()
			if err := d.Decode(&outer{}); err != nil {
				t.Fatalf("Unmarshal accepts what encoding/json refuses: %q: %v", data, err)
			}
		}
	})
}

// FuzzUnquote holds AppendUnquoted against encoding/json.
func FuzzUnquote(f *testing.F) {
	f.Add([]byte(`"a\n\u00e9\ud83d\ude00\/"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if Check(data, Limits{}) != nil || len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
			return
		}
		var want string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if got := AppendUnquoted([]byte("x"), data); string(got) != "x"+want {
			t.Fatalf("%q: got %q, want %q", data, got, want)
		}
	})
}

// An ordinary text costs one allocation, whatever its length.
func TestCheckAllocatesOnce(t *testing.T) {
	text := []byte(`{"model":"m","messages":[{"role":"user","content":"a \u00e9 \"quoted\" line"},{"role":"tool","content":["x",{"y":null}]}],"n":1}`)
	if n := testing.AllocsPerRun(100, func() {
		if err := Check(text, Limits{}); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// What is quoted is strict JSON, says the same again, and is one line to whoever reads lines: Python's str.splitlines ends them at ten characters.
func TestAppendQuoted(t *testing.T) {
	const ends = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"
	for _, text := range []string{"", "plain", `"\/`, "ü€🙂\x7f\x00", ends, "a" + ends + "b\u0084\u0086\u2027\u202a"} {
		q := AppendQuoted([]byte(" "), []byte(text))[1:]
		if err := Check(q, Limits{}); err != nil || string(AppendUnquoted(nil, q)) != text || strings.ContainsAny(string(q), ends) {
			t.Errorf("%q becomes %s: %v", text, q, err)
		}
		var std string
		if err := json.Unmarshal(q, &std); err != nil || std != text {
			t.Errorf("%q is %q to encoding/json: %v", text, std, err)
		}
	}
	if q := AppendQuoted(nil, []byte("a\xffb")); string(q) != `"a`+"\ufffd"+`b"` {
		t.Errorf("%s", q)
	}
}
