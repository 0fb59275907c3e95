package kserve_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/kserve"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// finite accepts any tensor whose floats are finite.
func finite(v tensor.View) error {
	s := tensor.Spec{DTypes: []tensor.DType{v.DType}, AnyDims: true, MaxElements: 1 << 20}
	return s.Check(v)
}

func rule(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*kserve.Error](err)
	if !ok || !errors.Is(err, kserve.ErrRequest) {
		t.Fatalf("%T %v", err, err)
	}
	return e.Rule
}

func TestRequestVectors(t *testing.T) {
	data, err := os.ReadFile(testkit.Vectors(t, "formats", "tensor", "kserve.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		var c struct {
			ID, Verdict, Rule string
			Body              []byte `json:"body_base64"`
			HeaderLength      *int64 `json:"header_length"`
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(c.ID, func(t *testing.T) {
			length := int64(kserve.NoHeader)
			if c.HeaderLength != nil {
				length = *c.HeaderLength
				if h := kserve.HeaderLength(http.Header{"Inference-Header-Content-Length": {fmt.Sprint(length)}}); h != length {
					length = h // what is not a length is none
				}
			}
			var r kserve.Request
			got := rule(t, r.Parse(c.Body, length))
			if got == "" {
				for _, v := range r.Views() {
					if finite(v) != nil {
						got = "finite"
					}
				}
			}
			if got != c.Rule || (got == "") != (c.Verdict == "ok") {
				t.Errorf("refused for %q, want %q", got, c.Rule)
			}
		})
	}
}

const two = `{"id":"1","inputs":[` +
	`{"name":"x","shape":[2,3],"datatype":"FP32","data":[[1,-2.5,3e2],[0,-0.0,1E-3]]},` +
	`{"datatype":"BYTES","data":["a","\u00fc\n"],"shape":[2],"name":"text"},` +
	`{"name":"ok","shape":[1,2],"datatype":"BOOL","data":[true,false]},` +
	`{"name":"i","shape":[4],"datatype":"INT8","data":[-128,127,0,1]}],"outputs":[{"name":"y","parameters":{"binary_data":false}}]}`

func TestJSONTensorsAreConverted(t *testing.T) {
	var r kserve.Request
	for range 2 { // memory is used again
		if err := r.Parse([]byte(two), kserve.NoHeader); err != nil {
			t.Fatal(err)
		}
	}
	var x []byte
	for _, f := range []float32{1, -2.5, 300, 0, float32(math.Copysign(0, -1)), 1e-3} {
		b := math.Float32bits(f)
		x = append(x, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
	}
	for i, want := range []string{string(x), "\x01\x00\x00\x00a\x03\x00\x00\x00\xc3\xbc\n", "\x01\x00", "\x80\x7f\x00\x01"} {
		in := r.Inputs[i]
		if string(in.Data) != want || in.Binary || two[in.Start] != '[' || two[in.End-1] != ']' {
			t.Errorf("input %d: %x, want %x", i, in.Data, want)
		}
		if err := finite(in.View); err != nil {
			t.Error(err)
		}
	}
}

func TestBinaryTensorsAreViewsOfTheBody(t *testing.T) {
	header := `{"inputs":[{"name":"a","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}},` +
		`{"name":"j","shape":[1],"datatype":"UINT8","data":[7]},` +
		`{"name":"b","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}`
	body := []byte(header + "\x00\x3c\x00\x40" + "\x01\x00\x00\x00z")
	var r kserve.Request
	if err := r.Parse(body, int64(len(header))); err != nil {
		t.Fatal(err)
	}
	a, b := r.Inputs[0], r.Inputs[2]
	if !a.Binary || &a.Data[0] != &body[len(header)] || a.Start != len(header) || b.End != len(body) || string(b.Data) != "\x01\x00\x00\x00z" {
		t.Fatal(a, b)
	}
	if cap(a.Data) != len(a.Data) {
		t.Error("appending to one tensor would overwrite the next")
	}
}

// Each row is a request with one fault that the vectors do not have.
func TestRefused(t *testing.T) {
	in := func(member string) string {
		return `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32",` + member + `}]}`
	}
	many := strings.Repeat(`{"name":"x","shape":[1],"datatype":"FP32","data":[1]},`, kserve.MaxInputs+1)
	for name, c := range map[string]struct{ body, rule string }{
		"shared memory":        {in(`"parameters":{"shared_memory_region":"r","shared_memory_byte_size":4}`), kserve.RuleSharedMemory},
		"unknown member":       {in(`"data":[1],"sparse":{}`), kserve.RuleField},
		"unknown top member":   {`{"inputs":[],"raw":1}`, kserve.RuleField},
		"escaped unknown":      {in(`"d\u0061ta2":[1]`), kserve.RuleField},
		"no data":              {in(`"parameters":{}`), kserve.RuleCount},
		"binary, no extension": {in(`"parameters":{"binary_data_size":4}`), kserve.RuleBinarySize},
		"binary of none":       {`{"inputs":[{"name":"x","shape":[0],"datatype":"FP32","parameters":{"binary_data_size":"0"}}]}`, kserve.RuleBinarySize},
		"nested parameters":    {in(`"data":[1],"parameters":{"a":[1]}`), kserve.RuleType},
		"object in data":       {in(`"data":[{"a":1}]`), kserve.RuleType},
		"nested too much":      {in(`"data":[[1]]`), kserve.RuleType},
		"too many":             {`{"inputs":[` + many[:len(many)-1] + `]}`, kserve.RuleSize},
		"a list":               {`[]`, kserve.RuleType},
		"inputs is an object":  {`{"inputs":{}}`, kserve.RuleType},
		"input is a list":      {`{"inputs":[[]]}`, kserve.RuleType},
		"no name":              {`{"inputs":[{"shape":[1],"datatype":"FP32","data":[1]}]}`, kserve.RuleField},
		"no datatype":          {`{"inputs":[{"name":"x","shape":[1],"data":[1]}]}`, kserve.RuleDType},
		"dimension of 0":       {`{"inputs":[{"name":"x","shape":[0],"datatype":"FP32","data":[]}]}`, kserve.RuleShape},
		"no shape":             {`{"inputs":[{"name":"x","datatype":"FP32","data":[1]}]}`, kserve.RuleShape},
		"rank 9":               {`{"inputs":[{"name":"x","shape":[1,1,1,1,1,1,1,1,1],"datatype":"FP32","data":[1]}]}`, kserve.RuleShape},
		"nested shape":         {`{"inputs":[{"name":"x","shape":[[1]],"datatype":"FP32","data":[1]}]}`, kserve.RuleShape},
		"huge":                 {`{"inputs":[{"name":"x","shape":[1048577],"datatype":"UINT8","data":[1]}]}`, kserve.RuleSize},
		"mixed depth":          {`{"inputs":[{"name":"x","shape":[2,1],"datatype":"UINT8","data":[[1],1]}]}`, kserve.RuleType},
		"bool as number":       {`{"inputs":[{"name":"x","shape":[1],"datatype":"BOOL","data":[1]}]}`, kserve.RuleType},
		"number as string":     {`{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":[1]}]}`, kserve.RuleType},
		"long name":            {`{"inputs":[{"name":"` + strings.Repeat("x", 1025) + `","shape":[1],"datatype":"FP32","data":[1]}]}`, kserve.RuleField},
	} {
		var r kserve.Request
		if got := rule(t, r.Parse([]byte(c.body), kserve.NoHeader)); got != c.rule || len(r.Inputs) != 0 {
			t.Errorf("%s: refused for %q, want %q", name, got, c.rule)
		}
	}
	for _, h := range [][]string{{"1", "1"}, {"+1"}, {" 1"}, {"01"}, {"1e3"}, {""}, {"9223372036854775808"}} {
		if n := kserve.HeaderLength(http.Header{"Inference-Header-Content-Length": h}); n >= 0 || n == kserve.NoHeader {
			t.Errorf("%q gave %d", h, n)
		}
	}
}

func TestBinaryParseDoesNotAllocateForBytes(t *testing.T) {
	header := `{"inputs":[{"name":"a","shape":[1,3,224,224],"datatype":"FP32","parameters":{"binary_data_size":602112}}]}`
	body := append([]byte(header), make([]byte, 602112)...)
	var r kserve.Request
	if n := testing.AllocsPerRun(50, func() {
		if r.Parse(body, int64(len(header))) != nil || finite(r.Views()[0]) != nil {
			t.Fatal("refused")
		}
	}); n > 8 {
		t.Errorf("%v allocations", n)
	}
}

// What is accepted has the same values for encoding/json.
func FuzzParse(f *testing.F) {
	f.Add([]byte(two), int64(-1))
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}        `), int64(91))
	f.Fuzz(func(t *testing.T, body []byte, length int64) {
		var r kserve.Request
		if r.Parse(body, length) != nil {
			return
		}
		header := body
		if length >= 0 {
			header = body[:length]
		}
		var plain struct {
			Inputs []struct {
				Name  string
				Shape []int64
			}
		}
		if err := json.Unmarshal(header, &plain); err != nil || len(plain.Inputs) != len(r.Inputs) {
			t.Fatal(err)
		}
		for i, in := range r.Inputs {
			if in.Name != plain.Inputs[i].Name || fmt.Sprint(in.Shape) != fmt.Sprint(plain.Inputs[i].Shape) {
				t.Fatalf("%q %v, want %q %v", in.Name, in.Shape, plain.Inputs[i].Name, plain.Inputs[i].Shape)
			}
			s := tensor.Spec{DTypes: []tensor.DType{in.DType}, AnyDims: true, MaxElements: 1 << 40, InsecureAllowNonFinite: true}
			if err := s.Check(in.View); err != nil && !in.Binary {
				t.Fatal(err)
			}
		}
	})
}

// Bytes that no tensor claims would reach the backend unseen.
func TestTrailingBytes(t *testing.T) {
	header := `{"inputs":[{"name":"a","shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":1}}]}`
	var r kserve.Request
	if err := r.Parse([]byte(header+"x"), int64(len(header))); err != nil {
		t.Fatal(err)
	}
	if got := rule(t, r.Parse([]byte(header+"xy"), int64(len(header)))); got != kserve.RuleBinarySize {
		t.Errorf("refused for %q", got)
	}
}
