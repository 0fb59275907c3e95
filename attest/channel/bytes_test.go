package channel

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What a client reads are the bytes that were sent, which receipts are about: the transport asks for no compression that it would undo.
func TestBytesArriveAsSent(t *testing.T) {
	w := newWorld(t, nil)
	mux := http.NewServeMux()
	mux.Handle("/.well-known/holdfast/", w.server)
	mux.HandleFunc("/chat", func(rw http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = io.WriteString(rw, "as sent")
			return
		}
		rw.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(rw)
		_, _ = io.WriteString(z, "not as sent")
		_ = z.Close()
	})
	w.http.Config.Handler = mux
	resp, body, err := post(t, w.transport(t, nil), w.http.URL+"/chat")
	if err != nil || resp.Uncompressed || body != "as sent" {
		t.Errorf("%q, undone: %v, %v", body, resp != nil && resp.Uncompressed, err)
	}
}
