package guard

import (
	"bufio"
	"net"
	"net/http"
)

// Hijack refuses: the guard could not read what follows.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}
