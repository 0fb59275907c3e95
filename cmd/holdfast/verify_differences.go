package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/sign"
)

// differences are all that is not as signed, by kind. The paths are sorted.
type differences struct {
	Missing    []string  `json:"missing"`
	Extra      []string  `json:"extra"`
	Changed    []changed `json:"changed"`
	Unreadable []failed  `json:"unreadable"` // no regular file, or a fault of the storage

	causes []error
}

// changed is a file whose bytes are not the signed ones. Digests are of the first part of it that differs, and empty where the length
// alone decided.
type changed struct {
	Path string `json:"path"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

type failed struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

// compare verifies every file and looks for unsigned ones, whatever it finds first. Its error is one that says nothing of
// the model, such as an interrupt.
func compare(ctx context.Context, ui *ui, m *sign.Model, ignoreUnsigned bool, ignore []string) (*differences, error) {
	d := &differences{Missing: []string{}, Extra: []string{}, Changed: []changed{}, Unreadable: []failed{}}
	if !ignoreUnsigned {
		extra, err := m.Extra(ctx, ignore...)
		if err != nil {
			return nil, err
		}
		d.Extra = append(d.Extra, extra...)
	}
	update, end := ui.progress("verify")
	err := m.VerifyAll(ctx, func(p sign.Progress) { update(p.Done, p.Total) })
	end()
	if ctx.Err() != nil {
		return nil, err
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		if err == nil {
			continue
		}
		mismatch, ok1 := errors.AsType[*sign.MismatchError](err)
		file, ok2 := errors.AsType[*sign.FileError](err)
		switch {
		case ok1:
			d.Changed = append(d.Changed, changed{mismatch.Path, hex.EncodeToString(mismatch.Want), hex.EncodeToString(mismatch.Got)})
		case ok2 && errors.Is(err, sign.ErrMissing):
			d.Missing = append(d.Missing, file.Path)
		case ok2:
			d.Unreadable = append(d.Unreadable, failed{file.Path, file.Err.Error()})
		default:
			return nil, err
		}
		d.causes = append(d.causes, err)
	}
	return d, nil
}

func (d *differences) none() bool { return len(d.causes) == 0 && len(d.Extra) == 0 }

// err is nil if there are no differences. Its text lists them, one on each line; it unwraps to the reasons, by which
// [exitCode] judges.
func (d *differences) err() error {
	if d.none() {
		return nil
	}
	causes := d.causes
	if len(d.Extra) > 0 {
		causes = append(causes, errRefused)
	}
	return &refusal{strings.Join(append(d.lines(), d.summary()), "\n"), causes}
}

func (d *differences) summary() string {
	return fmt.Sprintf("refused: %d missing, %d changed, %d not signed, %d unreadable", len(d.Missing), len(d.Changed), len(d.Extra), len(d.Unreadable))
}

// lines lists the differences for people. Names are quoted: a line break in one must not look like another line.
func (d *differences) lines() []string {
	var out []string
	add := func(what, path, more string) { out = append(out, what+" "+strconv.Quote(path)+more) }
	for _, p := range d.Missing {
		add("missing", p, "")
	}
	for _, c := range d.Changed {
		add("changed", c.Path, "")
	}
	for _, p := range d.Extra {
		add("not signed", p, "")
	}
	for _, f := range d.Unreadable {
		add("unreadable", f.Path, ": "+f.Error)
	}
	return out
}

// refusal is the text of many errors with their reasons.
type refusal struct {
	text   string
	causes []error
}

func (r *refusal) Error() string   { return r.text }
func (r *refusal) Unwrap() []error { return r.causes }
