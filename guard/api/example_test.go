package api_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// A request of any API becomes one view: who wrote which text, and what is asked for.
func ExampleDialect() {
	dialect, ok := api.New(api.OllamaChat)
	if !ok {
		return
	}
	var r api.Request
	body := []byte(`{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello!"}]}`)
	if err := dialect.Request(&r, body, nil, api.Options{TrustSystemRole: true}); err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range r.Spans {
		fmt.Printf("%s: %s\n", s.Role, s.Text)
	}
	err := dialect.Request(&r, []byte(`{"model":"m","messages":[],"messages":[]}`), nil, api.Options{})
	fmt.Println(err)
	// Output:
	// system: Be brief.
	// user: Hello!
	// json: duplicate or case-variant key (byte 27)
}
