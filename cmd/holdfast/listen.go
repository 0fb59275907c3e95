package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// listenFlags say where a command serves, and under which certificate.
type listenFlags struct {
	addr, cert, key string
	plainHTTP       bool
}

func (l *listenFlags) add(cmd *cobra.Command, addr string) {
	flags := cmd.Flags()
	flags.StringVar(&l.addr, "addr", addr, "address to serve on")
	flags.StringVar(&l.cert, "tls-cert", "", "certificate chain, PEM")
	flags.StringVar(&l.key, "tls-key", "", "private key of the certificate, PEM")
	flags.BoolVar(&l.plainHTTP, "insecure-plain-http", false, "serve without TLS on addresses other than loopback")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
}

// check refuses an address that others reach without TLS.
func (l *listenFlags) check() error {
	if l.cert == "" && !l.plainHTTP && !loopback(l.addr) {
		return fmt.Errorf("%w: %s is not loopback: give --tls-cert and --tls-key", errUsage, l.addr)
	}
	return nil
}

// tls is the configuration of a server with the given certificate, or nil where there is none.
func (l *listenFlags) tls() (*tls.Config, error) {
	if l.cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(l.cert, l.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}, nil
}

// listen listens, and says under which URL server will be found there.
func (l *listenFlags) listen(server *http.Server) (ln net.Listener, link string, err error) {
	if ln, err = net.Listen("tcp", l.addr); err != nil {
		return nil, "", err
	}
	scheme := "http"
	if server.TLSConfig != nil {
		scheme = "https"
	}
	return ln, scheme + "://" + ln.Addr().String(), nil
}

// loopback reports whether an address is reachable from this machine alone.
func loopback(addr string) bool {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(h)
	return h == "localhost" || ip != nil && ip.IsLoopback()
}

// serveUntil serves until ctx ends, then lets what runs finish.
func serveUntil(ctx context.Context, server *http.Server, ln net.Listener) error {
	done := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			done <- server.ServeTLS(ln, "", "")
			return
		}
		done <- server.Serve(ln)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
