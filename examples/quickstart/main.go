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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{bulk: bulk}
	flag.StringVar(&o.model, "model", "", "model directory (default: the one in this repository)")
	flag.StringVar(&o.licences, "licences", "apache-2.0,mit", "licences that the operator accepts, comma separated")
	flag.BoolVar(&o.anyLicence, "insecure-any-licence", false, "accept every licence and none")
	flag.StringVar(&o.serve, "serve", "", "address to keep serving on, for example 127.0.0.1:8443")
	flag.BoolVar(&o.json, "json", false, "print one line of JSON for each attack, with its error chain")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "quickstart: it takes flags only, not %q; -h lists them\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

type options struct {
	model, licences, serve string
	anyLicence, json       bool
	bulk                   int // bytes of weights that speed is measured on
}

// banner goes to standard error, so that it is seen whatever is done with the output.
const banner = `
  *******************************************************************************
  **  SIMULATED TEE: no hardware stands behind the evidence of this program.   **
  **  Its vendor, root and chip keys are made up at each start. Any policy     **
  **  that does not say InsecureAcceptSimulated refuses it.                    **
  *******************************************************************************

`

// run plays every part and returns an error if anything was accepted that should not be, or the reverse.
func run(ctx context.Context, o options, out, warn io.Writer) error {
	fmt.Fprint(warn, banner)
	rep := &report{out: out, json: o.json}
	if o.model == "" {
		o.model = defaultModel()
	}
	work, err := os.MkdirTemp("", "holdfast-quickstart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	d, err := newDemo(ctx, rep, work, o)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.play(ctx, o.serve); err != nil {
		return err
	}
	if o.serve != "" {
		return d.keepServing(ctx)
	}
	return errors.Join(d.attackAll(ctx), ctx.Err())
}

// attackAll attacks every link and measures every stage.
func (d *demo) attackAll(ctx context.Context) error {
	rep := d.report
	rep.say("\nAttacks, each beside a twin without its one fault:\n")
	attacks := append(d.modelAttacks(ctx), append(d.machineAttacks(ctx), d.requestAttacks(ctx)...)...)
	attacks = append(attacks, d.answerAttacks(ctx)...)
	results := make([]result, len(attacks))
	for i, a := range attacks {
		results[i] = a.try()
	}
	if err := rep.attacks(results); err != nil {
		return err
	}
	rep.say("\nSpeed on %d MiB of weights, beside what this machine can do (one run each; benchmarks/ has the proof):\n", d.bulk>>20)
	stages, err := d.timings(ctx)
	if err != nil {
		return err
	}
	return rep.timings(stages)
}

// keepServing tells how to reach the server and waits for the end of ctx.
func (d *demo) keepServing(ctx context.Context) error {
	ca := filepath.Join(d.work, "ca.pem")
	if err := os.WriteFile(ca, d.server.pem(), 0o644); err != nil {
		return err
	}
	if err := d.report.serving(d.server.url, ca, d.release.name); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// defaultModel is the model that is part of this repository, wherever the command is run from.
func defaultModel() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "models", "harbor-tiny")
}
