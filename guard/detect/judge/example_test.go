package judge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/judge"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// A moderation endpoint is asked about the requests that a score is not sure of.
func Example() {
	moderation := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"results": [{"flagged": %t}]}`, strings.Contains(string(text), "vault"))
	}))
	defer moderation.Close()
	j, err := judge.New(judge.Config{
		URL: moderation.URL, Client: moderation.Client(), Ask: judge.Moderation("m"), MaxShare: 1,
		Score: func(detect.View) float64 { return 0.5 }, Low: 0.2, High: 0.9,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := guard.New(guard.DefaultPolicy(), guard.WithDetector(j, judge.IDs()...))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"How high is the tide?", "How does one open the vault?"} {
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(guardtest.Chat(text)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.Handler(&guardtest.Upstream{Pieces: []string{"Ask the harbour master."}}).ServeHTTP(w, r)
		fmt.Println(w.Code, j.Stats().Asked, "asked")
	}
	// Output:
	// 200 1 asked
	// 400 2 asked
}
