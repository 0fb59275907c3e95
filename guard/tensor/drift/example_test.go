package drift_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/drift"
)

// A client that sends pixels twice as bright shows in the means of a window.
func ExampleCompare() {
	window := func(bright byte) (*drift.Profile, error) {
		p, err := drift.NewProfile(1)
		if err != nil {
			return nil, err
		}
		for i := range 100 {
			data := make([]byte, 16)
			for k := range data {
				data[k] = bright + byte((i*7+k*3)%32)
			}
			if err := p.Observe(tensor.View{DType: tensor.U8, Shape: []int64{4, 4}, Data: data}, 0); err != nil {
				return nil, err
			}
		}
		return p, nil
	}
	baseline, err := window(50)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, bright := range []byte{50, 100} {
		p, err := window(bright)
		if err != nil {
			fmt.Println(err)
			return
		}
		report, err := drift.Compare(baseline, p)
		fmt.Println(bright, report.Drifted(drift.Limits{}), err)
	}
	// Output:
	// 50 false <nil>
	// 100 true <nil>
}
