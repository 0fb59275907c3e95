package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/memory"
)

// startTime is how long an engine may take until it serves: it maps its model, which is in memory already.
const startTime = 2 * time.Minute

// An engine is a foreign program that serves on a socket.
type engine struct {
	process *memory.Process
	dir     string // of the socket, the only place where the program may write
	socket  string
	end     context.CancelFunc
}

// start verifies the weights into a sealed file, starts the program and waits until it serves.
func start(ctx context.Context, chain *holdfast.Chain, weights string, command []string, allowMissing bool) (*engine, error) {
	if len(command) == 0 {
		return nil, errors.New("no program")
	}
	model, err := chain.Memfd(ctx, weights)
	if err != nil {
		return nil, err
	}
	defer model.Close() // the child has its own
	e := &engine{}
	if e.dir, err = os.MkdirTemp("", "foreign-"); err != nil {
		return nil, err
	}
	e.socket = filepath.Join(e.dir, "engine.sock")
	ctx, e.end = context.WithCancel(ctx)
	if err := e.start(ctx, model, command, allowMissing); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *engine) start(ctx context.Context, model *os.File, command []string, allowMissing bool) error {
	user, err := memory.NewUser()
	if err != nil {
		return err
	}
	if err := os.Chown(e.dir, int(user.UID), int(user.GID)); err != nil && !allowMissing {
		return fmt.Errorf("the engine cannot have a user of its own: %w", err)
	}
	fill := strings.NewReplacer("{model}", memory.FilePath(0), "{socket}", e.socket)
	args := make([]string, len(command)-1)
	for i, a := range command[1:] {
		args[i] = fill.Replace(a)
	}
	program := memory.Engine{
		Path: command[0], Args: args, Stderr: os.Stderr,
		Files:   []*os.File{model},
		Write:   []string{e.dir},
		Network: memory.Network{Local: true},
		User:    &user,
	}
	e.process, err = program.Start(ctx)
	if unenforced, ok := errors.AsType[*memory.UnenforcedError](err); ok && allowMissing {
		program.InsecureWithout = unenforced.Missing
		e.process, err = program.Start(ctx)
	}
	if err != nil {
		return err
	}
	return e.ready(ctx)
}

// ready waits until something answers on the socket.
func (e *engine) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- e.process.Wait() }()
	for {
		c, err := e.dial(ctx, "", "")
		if err == nil {
			return c.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the engine ended before it served: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the engine does not serve: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (e *engine) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", e.socket)
}

// handler passes requests on to the engine, and tokens back as they come.
func (e *engine) handler() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		Transport:     &http.Transport{DialContext: e.dial},
		FlushInterval: -1,
	}
}

// stop ends the program and removes its socket.
func (e *engine) stop() {
	e.end()
	if e.process != nil {
		_ = e.process.Wait() // it was killed
	}
	_ = os.RemoveAll(e.dir)
}
