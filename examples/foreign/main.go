// Command foreign serves a verified model with somebody else's engine, which gets the weights as a sealed file in memory and
// little else: the engine is a confined child without network access, reached through a socket of its own, behind the guard.
//
//	foreign -model DIR -public-key PEM -name NAME -weights FILE [-addr ADDR] [-allow-missing] -- PROGRAM ARGUMENT…
//
// In the arguments, {model} stands for the path of the weights and {socket} for that of the socket to serve on, where the engine
// gets requests of the OpenAI chat API. With llama.cpp:
//
//	foreign -model stories -public-key model.pub -name stories -weights stories.gguf -- \
//	  /opt/llama/llama-server --model {model} --host {socket}
package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "foreign:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("model", "", "signed model directory")
	public := flag.String("public-key", "", "public key of its publisher, PEM")
	name := flag.String("name", "", "its name in holdfast.json")
	weights := flag.String("weights", "", "the file of it that the engine reads")
	licences := flag.String("licences", "mit,apache-2.0", "licences that may be served")
	addr := flag.String("addr", "127.0.0.1:8080", "address to serve on, without TLS")
	missing := flag.Bool("allow-missing", false, "run the engine without the measures that this system cannot enforce, and say which")
	flag.Parse()
	if *dir == "" || *public == "" || *name == "" || *weights == "" || flag.NArg() == 0 {
		flag.Usage()
		return errors.New("-model, -public-key, -name, -weights and the engine's program are needed; the package comment has an example")
	}
	key, err := publicKey(*public)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(*dir)
	if err != nil {
		return err
	}
	defer root.Close()
	chain, err := holdfast.Open(ctx, holdfast.Config{
		Source:    sign.DirFS(root),
		Signature: sign.Policy{Keys: []crypto.PublicKey{key}, Name: *name, MinVersion: 1},
		MBOM:      mbom.Policy{Formats: mbom.SafeFormats(), Licences: strings.Split(*licences, ","), AnySignedTemplate: true},
		Weights:   mbom.WeightPolicy{Finite: true, AnySignedTemplate: true}, // most GGUF files have a chat template
		Guard:     guard.DefaultPolicy(),
	})
	if err != nil {
		return err
	}
	defer chain.Close()
	e, err := start(ctx, chain, *weights, flag.Args(), *missing)
	if err != nil {
		return err
	}
	defer e.stop()
	r := e.process.Report()
	fmt.Fprintf(os.Stderr, "engine %d: enforced: %v; missing: %v\n", e.process.Pid(), r.Enforced, r.Missing)
	handler, err := chain.Handler(ctx, e.handler())
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	go func() { // nothing is served without the engine
		_ = e.process.Wait()
		srv.Close()
	}()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func publicKey(file string) (crypto.PublicKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block", file)
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}
