package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/spf13/cobra"
)

// listenFlags say where a command serves, and under which certificate.
type listenFlags struct {
	addr, cert, key string
	plainHTTP       bool
	drain           time.Duration
}

func (l *listenFlags) add(cmd *cobra.Command, addr string) {
	flags := cmd.Flags()
	flags.StringVar(&l.addr, "addr", addr, "address to serve on")
	flags.StringVar(&l.cert, "tls-cert", "", "certificate chain, PEM")
	flags.StringVar(&l.key, "tls-key", "", "private key of the certificate, PEM")
	flags.BoolVar(&l.plainHTTP, "insecure-plain-http", false, "serve without TLS on addresses other than loopback")
	flags.DurationVar(&l.drain, "drain", 10*time.Second, "how long running answers may take after SIGTERM or an interrupt, before they are cut off")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
}

// check refuses an address that others reach without TLS.
func (l *listenFlags) check() error {
	if _, _, err := net.SplitHostPort(l.addr); err != nil {
		return fmt.Errorf("%w: --addr %q is no HOST:PORT", errUsage, l.addr)
	}
	if l.drain < 0 {
		return fmt.Errorf("%w: --drain %v is below 0", errUsage, l.drain)
	}
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
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", l.cert, l.key, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}, nil
}

// free tells early of an address that cannot be served on: weights may take minutes to load. It stays free meanwhile, so that nobody
// takes a server for ready that is not.
func (l *listenFlags) free() error {
	ln, err := net.Listen("tcp", l.addr)
	if err != nil {
		return err
	}
	return ln.Close()
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

// errorLog is for what net/http says of connections, such as that of a probe that ends before TLS begins. It names the address of whoever
// connects; the log of decisions names nobody, and this must not either.
func errorLog(to *slog.Logger) *log.Logger {
	// As net.Addr prints it, of IPv4 or IPv6, with its port.
	address := regexp.MustCompile(`(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+(%[^\]]*)?\]):\d+`)
	return slog.NewLogLogger(nameless{to.Handler(), address}, slog.LevelWarn)
}

// nameless takes addresses out of messages.
type nameless struct {
	slog.Handler
	address *regexp.Regexp
}

func (n nameless) Handle(ctx context.Context, r slog.Record) error {
	r.Message = n.address.ReplaceAllString(r.Message, "(address)")
	return n.Handler.Handle(ctx, r)
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

// serveUntil serves until ctx ends, then takes no more requests and lets those that run finish, for as long as they may.
func (l *listenFlags) serveUntil(ctx context.Context, ui *ui, server *http.Server, ln net.Listener) error {
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
	fmt.Fprintf(ui.err, "holdfast: stopping: no new requests, %v for those that run (--drain); another signal ends at once\n", l.drain)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.drain)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("requests still ran after %v and were cut off: --drain gives them longer", l.drain)
	}
	if err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
