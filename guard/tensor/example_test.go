package tensor_test

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// A model takes 2 x 2 floats of a magnitude of at most 10. A NaN is found on the bytes themselves.
func ExampleSpec_Check() {
	spec := tensor.Spec{Name: "x", DTypes: []tensor.DType{tensor.F32}, Dims: []tensor.Range{{Min: 2, Max: 2}, {Min: 2, Max: 2}}, MaxElements: 4, AbsMax: 10}
	for _, last := range []float64{4, math.NaN(), 40} {
		var data []byte
		for _, x := range []float64{1, 2, 3, last} {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(x)))
		}
		fmt.Println(spec.Check(tensor.View{Name: "x", DType: tensor.F32, Shape: []int64{2, 2}, Data: data}))
	}
	// Output:
	// <nil>
	// tensor: "x" refused: not finite or beyond the limit (element 3)
	// tensor: "x" refused: not finite or beyond the limit (element 3)
}
