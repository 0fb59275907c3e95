package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// upstream [gone | TEXT]: a server at $UPSTREAM that answers TEXT and writes the head of each request, with its body, to the file
// seen. One that is gone has a port on which nothing listens.
func cmdUpstream(ts *testscript.TestScript, _ bool, args []string) {
	engine := &guardtest.Upstream{Pieces: args}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			var head bytes.Buffer
			fmt.Fprintf(&head, "%s %s\n", r.Method, r.URL)
			err = r.Header.Write(&head)
			fmt.Fprintf(&head, "%s\n%v\n", body, r.Trailer)
			if err == nil {
				err = os.WriteFile(ts.MkAbs("seen"), head.Bytes(), 0o600)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		engine.ServeHTTP(w, r)
	}))
	ts.Defer(s.Close)
	ts.Setenv("UPSTREAM", s.URL)
	ts.Setenv("UPSTREAMHOST", strings.TrimPrefix(s.URL, "http://"))
	if args[0] == "gone" {
		s.Close()
	}
}

// ask STATUS TEXT [HEADER…] asks the daemon a question that must get the status; the answer is in the file answer.
func cmdAsk(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.NewRequest("POST", ts.Getenv("URL")+"/v1/chat/completions", strings.NewReader(guardtest.Chat(args[1])))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	for _, h := range args[2:] {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), body, 0o600))
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("status %d, want %s: %s", resp.StatusCode, args[0], body)
	}
}
