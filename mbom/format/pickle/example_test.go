package pickle_test

import (
	"fmt"
	"strings"

	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
)

// Two programs of the pickle machine: one makes a dictionary, the other calls os.system. Neither is run.
func ExampleScan() {
	for _, program := range []string{"}.", "cos\nsystem\n(S'id'\ntR."} {
		r := pickle.Scan(strings.NewReader(program), int64(len(program)))
		fmt.Println(r.Verdict, r.Imports)
	}
	// Output:
	// clean []
	// dangerous [os.system]
}
