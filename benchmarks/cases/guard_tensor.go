package cases

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// guardBinary takes an inference request with a tensor of 1 MiB in the binary extension through the guard, its values held
// against a spec, beside the same tensor as JSON.
func guardBinary() (ratio.Case, error) {
	const n = 1 << 18
	p := openPolicy()
	p.Routes = guard.Routes(guard.KindInfer)
	g, err := guard.New(p, guard.WithTensorSpecs(&tensor.Specs{Version: 1, Expires: time.Now().Add(time.Hour), Inputs: []tensor.Spec{
		{Name: "x", DTypes: []tensor.DType{tensor.F32}, AnyDims: true, MaxElements: n, AbsMax: 1000}}}))
	if err != nil {
		return ratio.Case{}, err
	}
	head := fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":[%d],"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, n, 4*n)
	text := fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":[%d],"datatype":"FP32","data":[`, n)
	raw := append([]byte(nil), head...)
	for i := range n {
		f := float32(i%977)*0.8191 - 400
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendFloat(text, float64(f), 'g', -1, 32)
	}
	text = append(text, "]}]}"...)
	send := func(body []byte, header http.Header) func() error {
		return func() error {
			tx := g.Begin(context.Background())
			defer tx.Close()
			if v := tx.Request(&guard.Request{Method: "POST", Path: "/v2/models/m/infer", Header: header, RemoteAddr: "127.0.0.1:1"}); v.Action != guard.Allow {
				return v.Rejection
			}
			if v := tx.RequestBody(body); v.Action != guard.Allow {
				return v.Rejection
			}
			return nil
		}
	}
	return ratio.Case{
		Name: "guard/kserve/binary", Better: ratio.Higher, Bytes: 4 * n,
		Subject:   send(raw, http.Header{"Content-Type": {"application/octet-stream"}, api.HeaderLength: {strconv.Itoa(len(head))}}),
		Yardstick: send(text, http.Header{"Content-Type": {"application/json"}}),
	}, nil
}
