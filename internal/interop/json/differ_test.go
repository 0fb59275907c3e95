package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/tidwall/gjson"
)

// number is the text of a number, so that no parser's arithmetic hides what it read.
type number string

var errMore = errors.New("more behind the value")

// parsers give the value of a text as nil, bool, string, number, []any and map[string]any, or an error.
var parsers = map[string]func([]byte) (any, error){
	"encoding/json": func(b []byte) (any, error) {
		d := stdjson.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, errMore
		}
		return plain(v), nil
	},
	"json/v2": func(b []byte) (any, error) {
		d := jsontext.NewDecoder(bytes.NewReader(b))
		v, err := tokens(d)
		if err != nil {
			return nil, err
		}
		if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
			return nil, errMore
		}
		return v, nil
	},
	"sonic": func(b []byte) (any, error) {
		var v any
		err := sonic.Config{UseNumber: true}.Froze().Unmarshal(b, &v)
		return plain(v), err
	},
	"gjson": func(b []byte) (any, error) {
		if !gjson.ValidBytes(b) {
			return nil, errors.New("invalid")
		}
		return result(gjson.ParseBytes(b)), nil
	},
}

// plain turns the numbers of a decoded value into text.
func plain(v any) any {
	switch v := v.(type) {
	case stdjson.Number:
		return number(v)
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return v
}

func tokens(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return t.Bool(), nil
	case '"':
		return t.String(), nil
	case '0':
		return number(t.String()), nil
	case '[':
		out := []any{}
		for d.PeekKind() != ']' {
			v, err := tokens(d)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		_, err := d.ReadToken()
		return out, err
	case '{':
		out := map[string]any{}
		for d.PeekKind() != '}' {
			k, err := tokens(d)
			if err != nil {
				return nil, err
			}
			if out[k.(string)], err = tokens(d); err != nil {
				return nil, err
			}
		}
		_, err := d.ReadToken()
		return out, err
	}
	return nil, fmt.Errorf("token %v", t.Kind())
}

func result(r gjson.Result) any {
	switch r.Type {
	case gjson.String:
		return r.String()
	case gjson.Number:
		return number(r.Raw)
	case gjson.True, gjson.False:
		return r.Bool()
	case gjson.JSON:
		if r.IsArray() {
			out := []any{}
			r.ForEach(func(_, v gjson.Result) bool {
				out = append(out, result(v))
				return true
			})
			return out
		}
		out := map[string]any{}
		r.ForEach(func(k, v gjson.Result) bool {
			if _, twice := out[k.String()]; !twice { // as Get does: the first
				out[k.String()] = result(v)
			}
			return true
		})
		return out
	}
	return nil
}

// differ says how the parsers read a text: the name of one that differs from encoding/json, or "".
func differ(b []byte) string {
	want, wantErr := parsers["encoding/json"](b)
	for name, parse := range parsers {
		got, err := parse(b)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			return name
		}
	}
	if wantErr != nil {
		return "refused by all"
	}
	return ""
}

// Texts that parsers read differently are refused, each beside one that all read alike.
func TestDifferencesAreRefused(t *testing.T) {
	for bad, good := range map[string]string{
		`{"messages":"GOOD","messages":"EVIL"}`:      `{"messages":"GOOD","massages":"EVIL"}`,
		`{"a":[1,2,3],"a":[4]}`:                      `{"a":[1,2,3],"b":[4]}`,
		`{"messages":"GOOD","m\u0065ssages":"EVIL"}`: `{"messages":"GOOD","m\u0061ssages":"EVIL"}`,
		`{"a":"\ud800"}`:                             `{"a":"\ud83d\ude00"}`,
		"{\"a\":\"\xff\"}":                           `{"a":"ÿ"}`,
		"{\"a\":\"\x01\"}":                           `{"a":"\u0001"}`,
		`{"messages":["x"],"messages":null}`:         `{"messages":["x"],"other":null}`,
		`{}{}`:                                       `{} `,
		"\ufeff{}":                                   "\n{}",
		`{"a":01}`:                                   `{"a":10}`,
		`{"a":1.}`:                                   `{"a":1.0}`,
		`{"a":+1}`:                                   `{"a":-1}`,
		`{"a":1,}`:                                   `{"a":1}`,
		`{"a":NaN}`:                                  `{"a":null}`,
		`{'a':1}`:                                    `{"a":1}`,
		`{"a":1}//`:                                  `{"a":1}`,
		strings.Repeat("[", 9000) + strings.Repeat("]", 9000): strings.Repeat("[", 60) + strings.Repeat("]", 60),
	} {
		if err := strictjson.Check([]byte(bad), strictjson.Limits{}); err == nil {
			t.Errorf("accepted %.80q, which %s reads otherwise", bad, differ([]byte(bad)))
		}
		if err := strictjson.Check([]byte(good), strictjson.Limits{}); err != nil || differ([]byte(good)) != "" {
			t.Errorf("%q: %v, %s", good, err, differ([]byte(good)))
		}
	}
	differing := 0
	for _, bad := range []string{`{"a":1,"a":2}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}"} {
		if name := differ([]byte(bad)); name != "" && name != "refused by all" {
			differing++
		}
	}
	if differing != 3 {
		t.Error("the parsers agree on what they are known to differ on: the comparison compares nothing")
	}
}

// FuzzAgreement: what is accepted means the same to all.
func FuzzAgreement(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,"x\u00e9\n",true,null,{"b":""}]}`, `"\ud83d\ude00"`, ` [0] `, `{"\u0000":1E5,"":[[]]}`, `{"a":{"a":{"a":1}}}`, `{"a.b":1,"*":2,"#":3,"@x":4,"\\":5}`, "{\"k\":\"\u2028\u00df\"}", "-0.0e-0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if strictjson.Check(b, strictjson.Limits{}) != nil {
			return
		}
		if name := differ(b); name != "" {
			v, err := parsers[name](b)
			w, werr := parsers["encoding/json"](b)
			t.Fatalf("%q: %s reads %#v (%v), encoding/json %#v (%v)", b, name, v, err, w, werr)
		}
	})
}
