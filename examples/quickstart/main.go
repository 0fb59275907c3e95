// Command quickstart runs the whole chain on one machine: a publisher inventories, signs and seals a model; a key server
// releases its key to an attested server; the server verifies, decrypts and scans the weights in one pass and answers over
// HTTPS; the client checks that connection, evidence, claims, model, policies and receipt belong together. Then it attacks
// every link, each attack beside a twin that differs in that one thing and must be accepted.
//
//	go run ./examples/quickstart              # everything, then exit
//	go run ./examples/quickstart -json        # one JSON line for each attack and timing
//	go run ./examples/quickstart -serve :8443 # keep serving
//	go run ./examples/quickstart -model DIR   # another Llama model in Hugging Face layout or GGUF
//
// The confidential machine is a SIMULATOR: there is no TEE behind it, and production policies refuse it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.StringVar(&o.model, "model", "", "model directory (default: the one in this repository)")
	flag.StringVar(&o.licences, "licences", "apache-2.0,mit", "licences that the operator accepts, comma separated")
	flag.StringVar(&o.serve, "serve", "", "address to keep serving on, for example 127.0.0.1:8443")
	flag.BoolVar(&o.json, "json", false, "print JSON lines")
	flag.Parse()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

type options struct {
	model, licences, serve string
	json                   bool
}

// run plays every part and returns an error if anything was accepted that should not be, or the reverse.
func run(ctx context.Context, o options, out *os.File) error {
	rep := &report{out: out, json: o.json}
	if o.model == "" {
		o.model = defaultModel()
	}
	work, err := os.MkdirTemp("", "holdfast-quickstart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	d, err := newDemo(ctx, rep, work, o.model, strings.Split(o.licences, ","))
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.play(ctx, o.serve); err != nil {
		return err
	}
	if o.serve != "" {
		rep.say("\nserving on %s until interrupted", d.server.url)
		<-ctx.Done()
		return nil
	}
	rep.say("\nAttacks, each beside a twin without its one fault:\n")
	attacks := append(d.modelAttacks(ctx), append(d.machineAttacks(ctx), d.requestAttacks(ctx)...)...)
	results := make([]result, len(attacks))
	for i, a := range attacks {
		results[i] = a.try()
	}
	if err := rep.attacks(results); err != nil {
		return err
	}
	rep.say("\nSpeed on 64 MiB of weights, beside what this machine can do:\n")
	stages, err := d.timings(ctx)
	if err != nil {
		return err
	}
	return rep.timings(stages)
}

// defaultModel is the model that is part of this repository, wherever the command is run from.
func defaultModel() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "models", "harbor-tiny")
}
