package receipt_test

import (
	"bufio"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest/receipt"
)

// Where no trailer can follow the body, the id goes ahead of it: to HTTP/1.0, HEAD and answers without a body.
func TestReceiptsWithoutTrailers(t *testing.T) {
	k := newKey(t)
	s := serve(t, k, 0, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		if r.URL.Path == "/304" {
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		for range 3 {
			_, _ = io.WriteString(w, "data: x\n\n")
			w.(http.Flusher).Flush()
		}
	})
	for name, line := range map[string]string{
		"HTTP/1.0": "POST / HTTP/1.0\r\nContent-Length: 6\r\n\r\nprompt", "HEAD": "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"304": "GET /304 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HEAD 1.0": "HEAD / HTTP/1.0\r\n\r\n",
	} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // not before the handler has returned: a client that leaves cuts the exchange
		method, _, _ := strings.Cut(line, " ")
		_, _ = io.WriteString(c, line)
		resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			t.Fatal(name, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.Header.Get(receipt.HeaderID) == "" {
			t.Errorf("%s: %v %v", name, resp.Header, err)
			continue
		}
		own, err := hex.DecodeString(resp.Header.Get(receipt.HeaderSalt))
		if err != nil || len(own) != 32 {
			t.Fatalf("%s: salt of %d bytes, %v", name, len(own), err)
		}
		r := get(t, s, k, resp)
		prompt := ""
		if strings.Contains(line, "prompt") {
			prompt = "prompt"
		}
		if err := r.Covers([32]byte(own), []byte(prompt), body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReceiptIsWaitedFor fetches the receipt of an answer that is whole for the client while its handler still runs.
func TestReceiptIsWaitedFor(t *testing.T) {
	k := newKey(t)
	arrived := make(chan struct{})
	s := serve(t, k, 0, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "ok")
		w.(http.Flusher).Flush()
		<-arrived
		time.Sleep(50 * time.Millisecond) // the request for the receipt is on its way by now
	})
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(body) != "ok" {
		t.Fatal(string(body), err)
	}
	close(arrived)
	if r := get(t, s, k, resp); !r.Complete {
		t.Error("the exchange was not cut")
	}
}
