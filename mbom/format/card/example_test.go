package card_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/mbom/format/card"
)

// The front matter of a README, read as YAML that runs nothing.
func ExampleParse() {
	c, err := card.Parse([]byte("---\nlicense: apache-2.0\nlanguage: [en, de]\nbase_model: org/base\n---\n# A model\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Licences, c.Languages, c.BaseModels)
	// Output:
	// [apache-2.0] [en de] [org/base]
}
