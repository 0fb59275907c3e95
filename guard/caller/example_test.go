package caller_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/holdfast-ai/holdfast/guard/caller"
)

// A key is shown to its caller once; the server keeps its hash, and no upstream sees it.
func ExampleHandler() {
	text, kept, err := caller.NewKey("team-1", "harbour")
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := caller.NewKeys([]caller.Key{kept}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	h := caller.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, _ := caller.FromContext(r.Context())
		fmt.Printf("%s of %s, Authorization %q\n", id.ID, id.Tenant, r.Header.Get("Authorization"))
	}), keys.Authenticate)
	for _, key := range []string{text, "guessed"} {
		r := httptest.NewRequest("POST", "/v1/chat/completions", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// team-1 of harbour, Authorization ""
	// 200
	// 401
}
