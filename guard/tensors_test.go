package guard_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/guard/tensor"
)

func modelSpecs(t *testing.T) *tensor.Specs {
	t.Helper()
	s, err := tensor.ParseSpecs([]byte(`{"version":1,"number":1,"model_id":"` + strings.Repeat("00", 32) + `","expires":"2030-01-01T00:00:00Z","inputs":[
		{"name":"ids","dtypes":["i64"],"dims":[{"min":1,"max":1},{"min":1,"max":8}],"max_elements":8,"ints":{"min":0,"max":999}},
		{"name":"x","dtypes":["f32"],"dims":[{"min":1,"max":4}],"max_elements":4,"abs_max":100}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// infer sends a request whose JSON part has length bytes; 0 = all of it.
func infer(g *guard.Guard, body string, length int) (*httptest.ResponseRecorder, int) {
	up := &guardtest.Upstream{Body: `{"model_name":"m","outputs":[{"name":"ids","shape":[1],"datatype":"FP32","data":[1]}]}`}
	r := httptest.NewRequest("POST", "/v2/models/m/infer", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if length > 0 {
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Header.Set(api.HeaderLength, fmt.Sprint(length))
	}
	w := httptest.NewRecorder()
	g.Handler(up).ServeHTTP(w, r)
	return w, up.Ran()
}

// The specs of a model hold for both forms of a request, in front of the upstream; an answer has names of its own.
func TestTensorSpecs(t *testing.T) {
	var got guard.Decision
	g := newGuard(t, all(), guard.WithTensorSpecs(modelSpecs(t)), guard.WithHooks(guard.Hooks{Decision: func(_ ctx, d guard.Decision) { got = d }}))
	const ids, x = `{"name":"ids","shape":[1,3],"datatype":"INT64","data":[[0,999,5]]}`, `{"name":"x","shape":[2],"datatype":"FP32","data":[1.5,-100]}`
	for name, c := range map[string]struct {
		inputs string
		ok     bool
	}{
		"good":             {ids + "," + x, true},
		"flat":             {strings.NewReplacer("[[", "[", "]]", "]").Replace(ids) + "," + x, true},
		"other order":      {x + "," + ids, true},
		"missing":          {ids, false},
		"unknown":          {ids + "," + x + "," + strings.Replace(x, `"x"`, `"y"`, 1), false},
		"token id 1000":    {strings.Replace(ids, "999", "1000", 1) + "," + x, false},
		"token id -1":      {strings.Replace(ids, "999", "-1", 1) + "," + x, false},
		"token id 1.5":     {strings.Replace(ids, "999", "1.5", 1) + "," + x, false},
		"token id 2^64":    {strings.Replace(ids, "999", "18446744073709551616", 1) + "," + x, false},
		"beyond the limit": {ids + "," + strings.Replace(x, "-100", "-100.1", 1), false},
		"infinite":         {ids + "," + strings.Replace(x, "-100", "1e39", 1), false},
		"a word":           {ids + "," + strings.Replace(x, "-100", "true", 1), false},
		"other type":       {ids + "," + strings.Replace(x, "FP32", "FP64", 1), false},
		"ragged":           {strings.Replace(strings.Replace(ids, "[1,3]", "[1,4]", 1), "[[0,999,5]]", "[[0,999],[5,6]]", 1) + "," + x, false},
		"other rank":       {strings.Replace(ids, "[1,3]", "[3]", 1) + "," + x, false},
		"too many":         {ids + `,{"name":"x","shape":[5],"datatype":"FP32","data":[1,2,3,4,5]}`, false},
	} {
		w, ran := infer(g, `{"inputs":[`+c.inputs+`]}`, 0)
		if (w.Code == 200) != c.ok || !c.ok && (w.Code != 400 || got.Code != guard.CodeInvalid) || (ran == 1) != c.ok || ran > 1 {
			t.Errorf("%s: %d %s, ran %d", name, w.Code, w.Body, ran)
		}
	}

	raw := func(id int64, f float64) string {
		return string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, uint64(id)), math.Float32bits(float32(f))))
	}
	const head = `{"inputs":[{"name":"ids","shape":[1,1],"datatype":"INT64","parameters":{"binary_data_size":8}},{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}`
	for name, c := range map[string]struct {
		data string
		ok   bool
	}{
		"good": {raw(7, 1), true}, "NaN": {raw(7, math.NaN()), false}, "infinite": {raw(7, math.Inf(-1)), false}, "limit": {raw(7, 101), false},
		"token id 1000": {raw(1000, 1), false}, "token id -1": {raw(-1, 1), false}, "token id 2^62": {raw(1<<62, 1), false},
	} {
		w, ran := infer(g, head+c.data, len(head))
		if (w.Code == 200) != c.ok || !c.ok && (w.Code != 400 || got.Code != guard.CodeInvalid) || (ran == 1) != c.ok || ran > 1 {
			t.Errorf("binary, %s: %d %s, ran %d", name, w.Code, w.Body, ran)
		}
	}
}

// Specs that accept nothing let nothing through, and a refusal does not repeat what the caller named.
func TestTensorSpecsFailClosed(t *testing.T) {
	for _, s := range []*tensor.Specs{nil, {}} {
		if w, ran := infer(newGuard(t, all(), guard.WithTensorSpecs(s)), asks[guard.KindInfer], 0); w.Code != 500 || ran != 0 {
			t.Errorf("%d %s, ran %d", w.Code, w.Body, ran)
		}
	}
	tx := newGuard(t, all(), guard.WithTensorSpecs(modelSpecs(t))).Begin(t.Context())
	defer tx.Close()
	tx.Request(&guard.Request{Method: "POST", Path: "/v2/models/m/infer", Header: map[string][]string{"Content-Type": {"application/json"}}, RemoteAddr: "a:1"})
	v := tx.RequestBody([]byte(`{"inputs":[{"name":"whisper","shape":[1],"datatype":"FP32","data":[1]}]}`))
	if v.Rejection == nil || !errors.Is(v.Rejection, tensor.ErrTensor) || strings.Contains(v.Rejection.Err.Error(), "whisper") {
		t.Fatal(v.Rejection)
	}
}
