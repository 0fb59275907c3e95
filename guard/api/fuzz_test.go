package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect"
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
		if (kserve{}).Request(&r, body, h, Options{}) != nil {
			return
		}
		used := 0
		for _, x := range r.Tensors {
			size, _ := ElementSize(x.Datatype)
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
