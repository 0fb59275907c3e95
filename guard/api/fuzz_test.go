package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/tensor/kserve"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

var kinds = []Kind{OpenAIChat, OpenAICompletions, OpenAIResponses, OpenAIEmbeddings, AnthropicMessages, OllamaChat, OllamaGenerate, OllamaEmbed, KServeInfer}

// FuzzRequests: whatever the API, no string of an accepted body is missing from the view, and every span has its place and
// a voice.
func FuzzRequests(f *testing.F) {
	for i, c := range dialectRequests {
		f.Add(uint8(i%len(kinds)), []byte(c.body))
		for k := range kinds {
			if kinds[k] == c.kind {
				f.Add(uint8(k), []byte(c.body))
			}
		}
	}
	var r Request
	f.Fuzz(func(t *testing.T, k uint8, body []byte) {
		kind := kinds[int(k)%len(kinds)]
		if parse(&r, kind, body, Options{TrustSystemRole: true, Media: k > 127, TokenIDs: k > 127, Vocabulary: int64(k)}) != nil {
			return
		}
		var v map[string]any
		if err := unmarshal(body, &v); err != nil {
			t.Fatalf("%s: accepted %q: %v", kind, body, err)
		}
		have := make(map[string]bool)
		for _, s := range r.Spans {
			have[string(s.Text)] = true
			if s.Offset < 0 || s.Offset >= len(body) || body[s.Offset] != '"' || s.Trust > detect.TrustOperator {
				t.Fatalf("%s: %q: %+v", kind, body, s)
			}
		}
		for _, m := range r.Media {
			have[string(m.URL)], have[string(m.Base64)], have[m.Type] = true, true, true
		}
		delete(v, "model")
		for _, s := range strs(v, nil) {
			if s != "" && !have[s] && !ours[s] && !(k > 127 && mediaWords[s]) {
				t.Fatalf("%s: %q: %q is not in the view", kind, body, s)
			}
		}
	})
}

// mediaWords say what media a part holds. "format" of audio is kept beside it, and other types of media are refused later.
var mediaWords = map[string]bool{"image": true, "image_url": true, "input_audio": true, "file": true, "input_image": true, "input_file": true, "base64": true, "url": true, "image/png": true, "wav": true}

// FuzzEdits: what is replaced in a message is replaced there alone, and the message stays JSON of the same form.
func FuzzEdits(f *testing.F) {
	f.Add(`he said "x\n" € 🙂`, 3, 5, "[redacted]")
	f.Add("", 0, 0, "\"\\")
	f.Fuzz(func(t *testing.T, text string, start, end int, with string) {
		quoted, err := json.Marshal(text)
		if err != nil || start < 0 || end < start || end > len(text) {
			return
		}
		var plain string
		if err := json.Unmarshal(quoted, &plain); err != nil {
			t.Fatal(err)
		}
		if end > len(plain) {
			return
		}
		data := append(append([]byte(`{"a":"before","b":`), quoted...), `,"c":"after"}`...)
		out := AppendEdited(nil, data, []Edit{{At: 18, Start: start, End: end, With: with}})
		var v struct{ A, B, C string }
		if err := json.Unmarshal(out, &v); err != nil || v.A != "before" || v.C != "after" {
			t.Fatalf("%q: %v", out, err)
		}
		want, err := json.Marshal(plain[:start] + with + plain[end:])
		var w string
		if err != nil || json.Unmarshal(want, &w) != nil || v.B != w {
			t.Fatalf("%q, want %q", v.B, w)
		}
	})
}

// FuzzInference: the data of accepted tensors lies in the body and fits their shapes, and all of the body is accounted for.
func FuzzInference(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}`), []byte("\x00\x00\x80\x3f"))
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}}]}`), []byte("\x01\x00\x00\x00a\x01\x00\x00\x00b"))
	f.Add([]byte(dialectRequests[len(dialectRequests)-1].body), []byte{})
	var r Request
	f.Fuzz(func(t *testing.T, head, data []byte) {
		body := append(append([]byte(nil), head...), data...)
		h := http.Header{HeaderLength: {strconv.Itoa(len(head))}}
		if (inferenceDialect{}).Request(&r, body, h, Options{}) != nil {
			return
		}
		used := 0
		for _, x := range r.Tensors {
			dtype, _ := kserve.DType(x.Datatype)
			size := int64(dtype.Size())
			n := int64(1)
			for _, d := range x.Shape {
				n *= d
			}
			if n != x.Elements || x.Raw != nil && size > 0 && int64(len(x.Raw)) != n*size || (x.Raw == nil) == (x.JSON == nil) && len(x.Raw)+len(x.JSON) > 0 {
				t.Fatalf("%q: %+v", body, x)
			}
			used += len(x.Raw)
		}
		if used != len(data) {
			t.Fatalf("%q: %d of %d bytes are accounted for", body, used, len(data))
		}
	})
}

// FuzzInferenceReaders: the reader of texts and the reader of tensors, which package tensor's users have by itself, see the same
// tensors in what both accept, and each refuses nothing but what only it looks at.
func FuzzInferenceReaders(f *testing.F) {
	for _, body := range []string{
		`{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2.5]}]}`, `{"inputs":[{"name":"x","shape":[1,2],"datatype":"BYTES","data":[["a","\u0062"]]}],"outputs":[{"name":"y"}]}`,
		`{"inputs":[{"name":"x","shape":[0],"datatype":"FP32","data":[]}]}`, `{"inputs":[{"name":"x","shape":[1,1,1,1,1,1,1,1,1],"datatype":"INT8","data":[1]}]}`,
		`{"id":"a","parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":1}}]}`,
		`{"inputs":[{"name":"` + strings.Repeat("x", kserve.MaxName+1) + `","shape":[1],"datatype":"INT8","data":[1]}]}`,
		`{"inputs":[{"name":"` + strings.Repeat("\\u0078", kserve.MaxName) + `","shape":[1],"datatype":"INT\u0038","data":[1]}]}`,
		`{"inputs":[{"name":"x","name":"y","shape":[1],"datatype":"INT8","data":[1]}]}`, `{"inputs":[{"name":"x","shape":[4294967296,4294967296],"datatype":"INT8","parameters":{"binary_data_size":0}}]}`,
	} {
		f.Add([]byte(body), []byte(nil), "")
		f.Add([]byte(body), []byte("\x01"), strconv.Itoa(len(body)))
		f.Add([]byte(body), []byte("\x01"), "0"+strconv.Itoa(len(body)))
	}
	values := []string{kserve.RuleRange, kserve.RuleNumberLength, kserve.RuleSize, kserve.RuleCount, kserve.RuleType} // of elements and their lists
	texts := []string{"unsupported member", "cannot be inspected", "length of a string", "bytes behind the strings", "too many texts", "type"}
	var r Request
	var k kserve.Request
	f.Fuzz(func(t *testing.T, head, data []byte, length string) {
		body := append(append([]byte(nil), head...), data...)
		h := http.Header{}
		if length != "" {
			h.Set(HeaderLength, length)
		}
		ours := (inferenceDialect{}).Request(&r, body, h, Options{})
		theirs := k.Parse(body, kserve.HeaderLength(h))
		if ours == nil && theirs != nil {
			if e, ok := errors.AsType[*kserve.Error](theirs); !ok || e.Input < 0 || !slices.Contains(values, e.Rule) {
				t.Fatalf("%q: accepted for its texts, refused for its tensors: %v", body, theirs)
			}
			return
		}
		if ours != nil && theirs == nil {
			field, ok := errors.AsType[*FieldError](ours)
			if ok && !slices.Contains(texts, field.Why) || !ok && !errors.Is(ours, strictjson.ErrDepth) && !errors.Is(ours, strictjson.ErrSize) {
				t.Fatalf("%q: accepted for its tensors, refused for its texts: %v", body, ours)
			}
			return
		}
		if ours != nil {
			return
		}
		if len(r.Tensors) != len(k.Inputs) {
			t.Fatalf("%q: %d tensors, and %d", body, len(r.Tensors), len(k.Inputs))
		}
		for i, x := range r.Tensors {
			in := k.Inputs[i]
			dtype, _ := kserve.DType(x.Datatype)
			raw, at := in.Data, in.Start
			if !in.Binary {
				raw = body[in.Start:in.End]
			}
			if x.Name != in.Name || dtype != in.DType || !slices.Equal(x.Shape, in.Shape) || x.Offset != at || string(raw) != string(x.Raw)+string(x.JSON) || in.Binary != (x.JSON == nil) {
				t.Fatalf("%q: %+v, and %+v", body, x, in)
			}
		}
	})
}
