package kserve_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/kserve"
)

// The tensors of a request are held against what the model accepts before the model server sees them.
func ExampleRequest() {
	spec := tensor.Spec{Name: "ids", DTypes: []tensor.DType{tensor.I32}, Dims: []tensor.Range{{Min: 1, Max: 8}}, MaxElements: 8, Ints: &tensor.Range{Min: 0, Max: 999}}
	var r kserve.Request
	for _, data := range []string{"[1, 2, 3]", "[1, 2, 1000]", "[1, 2, 3.5]"} {
		body := []byte(`{"inputs":[{"name":"ids","shape":[3],"datatype":"INT32","data":` + data + `}]}`)
		err := r.Parse(body, kserve.NoHeader)
		if err == nil {
			err = spec.Check(r.Views()[0])
		}
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// tensor: "ids" refused: out of range (element 2)
	// kserve: refused: range (input 0)
}
