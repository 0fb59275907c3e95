package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// report collects what the run found and prints it for people or as JSON lines.
type report struct {
	out  io.Writer
	json bool
}

func (r *report) say(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.out, format+"\n", args...)
	}
}

func (r *report) attacks(results []result) error {
	failed := 0
	tw := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	if !r.json {
		fmt.Fprintln(tw, "attack\trefused by\trefusal\ttwin")
	}
	for _, res := range results {
		if !res.ok() {
			failed++
		}
		if r.json {
			if err := json.NewEncoder(r.out).Encode(res); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", res.Attack, res.Link, refusal(res), twin(res))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d attacks were not refused for the expected reason beside an accepted twin", failed, len(results))
	}
	return nil
}

func refusal(r result) string {
	switch {
	case r.Refused:
		return clip(r.Got[0], 96)
	case len(r.Got) > 0:
		return "WRONG REASON: " + clip(r.Got[0], 160) + " (want " + r.Expected + ")"
	}
	return "NOT REFUSED (want " + r.Expected + ")"
}

func twin(r result) string {
	if r.TwinAccepted {
		return "accepted"
	}
	return "REFUSED: " + clip(r.TwinError, 160)
}

func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
