package gorgonia_test

import (
	"fmt"

	dense "gorgonia.org/tensor"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/gorgonia"
)

// A view of a gorgonia tensor shares its memory: what is checked is what is used.
func ExampleView() {
	t := dense.New(dense.WithShape(2, 2), dense.WithBacking([]float32{1, 2, 3, 4}))
	v, err := gorgonia.View("x", t)
	if err != nil {
		fmt.Println(err)
		return
	}
	spec := tensor.Spec{DTypes: []tensor.DType{tensor.F32}, AnyDims: true, MaxElements: 16, AbsMax: 3}
	fmt.Println(v.Shape, v.DType, spec.Check(v))
	// Output:
	// [2 2] f32 tensor: "x" refused: not finite or beyond the limit (element 3)
}
