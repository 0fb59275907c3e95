package similar_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/similar"
)

// The second input differs from the first in a few values, as those of a search for an adversarial input do; the third is the second
// again, as clients that retry send it.
func ExampleDetector() {
	d, err := similar.New(similar.Config{Shape: []int64{32, 32}, Rows: 0, Columns: 1, Max: 255, Distance: 0.01})
	if err != nil {
		fmt.Println(err)
		return
	}
	image := make([]byte, 32*32)
	for i := range image {
		image[i] = byte(i * i / 7)
	}
	for range 3 {
		s, err := d.Observe(tensor.View{DType: tensor.U8, Shape: []int64{32, 32}, Data: image})
		fmt.Println("similar:", s.Any(), "the same:", s.Duplicate, err)
		image[100] = 200
	}
	// Output:
	// similar: false the same: false <nil>
	// similar: true the same: false <nil>
	// similar: false the same: true <nil>
}
