package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"text/tabwriter"
)

// An attack is one fault on one link of the chain, with the refusal it must meet and a twin that differs in that one
// thing and must be accepted.
type attack struct {
	name     string
	link     string // the package that must refuse
	expected string // what the refusal must be, for people
	is       func(error) bool
	run      func() error // nil means that the attack succeeded
	twin     func() error // nil means that the twin was accepted, as it must be
}

// A result is the JSON form of one attack's outcome.
type result struct {
	Attack       string   `json:"attack"`
	Link         string   `json:"link"`
	Expected     string   `json:"expected"`
	Got          []string `json:"got"` // error chain, outermost first
	Refused      bool     `json:"refused"`
	TwinAccepted bool     `json:"twin_accepted"`
	TwinError    string   `json:"twin_error,omitempty"`
}

func (r result) ok() bool { return r.Refused && r.TwinAccepted }

// try runs an attack and its twin. The attack counts as refused only when the error is the expected one.
func (a attack) try() result {
	r := result{Attack: a.name, Link: a.link, Expected: a.expected, Got: []string{}}
	if err := a.run(); err != nil {
		r.Got = chainOf(err)
		r.Refused = a.is(err)
	}
	if err := a.twin(); err != nil {
		r.TwinError = err.Error()
	} else {
		r.TwinAccepted = true
	}
	return r
}

// is makes an expectation from a sentinel error.
func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// chainOf lists an error and everything it wraps, depth first.
func chainOf(err error) []string {
	var out []string
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		out = append(out, err.Error())
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, w := range e.Unwrap() {
				walk(w)
			}
		}
	}
	walk(err)
	return out
}

// report prints what the run found, for people or as JSON lines.
type report struct {
	out     io.Writer
	json    bool
	omitted []leftOut
}

// leftOut is an attack that does not apply to the model at hand.
type leftOut struct {
	Attack string `json:"attack"`
	Reason string `json:"left_out"`
}

func (r *report) leaveOut(attack, reason string) {
	r.omitted = append(r.omitted, leftOut{attack, reason})
}

func (r *report) say(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.out, format+"\n", args...)
	}
}

// encode prints one JSON line.
func (r *report) encode(v any) error { return json.NewEncoder(r.out).Encode(v) }

// serving says where the server is and how to trust it.
func (r *report) serving(url, ca, model string) error {
	if r.json {
		return r.encode(map[string]string{"serving": url, "ca": ca, "model": model})
	}
	r.say(`
serving on %s until interrupted; try

    curl -N --cacert %s %s/v1/chat/completions -H 'Content-Type: application/json' \
         -d '{"model":"%s","stream":true,"max_tokens":64,"messages":[{"role":"user","content":"Hello."}]}'`, url, ca, url, model)
	return nil
}

// attacks prints the results, and returns an error unless every attack was refused for the expected reason beside an
// accepted twin.
func (r *report) attacks(results []result) error {
	failed := 0
	for _, res := range results {
		if !res.ok() {
			failed++
		}
	}
	if err := r.table(results); err != nil {
		return err
	}
	if failed > 0 || len(results) == 0 {
		return fmt.Errorf("%d of %d attacks were not refused for the expected reason beside an accepted twin", failed, len(results))
	}
	r.say("\n%d attacks: each refused for the expected reason, each twin accepted", len(results))
	return nil
}

func (r *report) table(results []result) error {
	if r.json {
		for _, res := range results {
			if err := r.encode(res); err != nil {
				return err
			}
		}
		for _, o := range r.omitted {
			if err := r.encode(o); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "attack\trefused by\trefusal\ttwin")
	for _, res := range results {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", res.Attack, res.Link, refusal(res), twin(res))
	}
	for _, o := range r.omitted {
		fmt.Fprintf(tw, "%s\t-\tleft out: %s\t-\n", o.Attack, o.Reason)
	}
	return tw.Flush()
}

// refusal is one line about the outcome. What is as it should be is short; what is not is told in full.
func refusal(r result) string {
	switch {
	case r.Refused:
		return clip(cause(r), 58)
	case len(r.Got) > 0:
		return "WRONG REASON: " + oneLine(r.Got[0]) + " (want " + r.Expected + ")"
	}
	return "NOT REFUSED (want " + r.Expected + ")"
}

// cause is the outermost error that the refusing package itself made: what wraps it are addresses and file names.
func cause(r result) string {
	for _, text := range r.Got {
		if strings.HasPrefix(text, path.Base(r.Link)+":") {
			return text
		}
	}
	return r.Got[0]
}

func twin(r result) string {
	if r.TwinAccepted {
		return "accepted"
	}
	return "REFUSED: " + oneLine(r.TwinError)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func clip(s string, n int) string {
	s = oneLine(s)
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
