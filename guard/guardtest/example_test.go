package guardtest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// A program holds a server against the corpus, and reads what failed. Tests call Conform.
func ExampleCheck() {
	unguarded := func(upstream http.Handler) http.Handler { return upstream }
	report, err := guardtest.Check(context.Background(), unguarded, guard.KindEmbeddings)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range report.Cells {
		if c.Class == "injection" || c.Class == "benign" {
			fmt.Printf("%s: %d of %d failed\n", c.Name(), c.Failed, c.Checks)
		}
	}
	// Output:
	// openai.embeddings/whole/injection: 3 of 3 failed
	// openai.embeddings/whole/benign: 1 of 7 failed
}

// An upstream says a text in the pieces in which a model would.
func ExamplePieces() {
	up := &guardtest.Upstream{Pieces: guardtest.Pieces("The harbour opens at 7, Zoë said.")}
	fmt.Println(strings.Join(up.Pieces, "|"))
	// Output:
	// The| harbour| o|pen|s| at| |7|,| |Z|o|ë| s|ai|d|.
}
