package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// ui prints results as text or JSON, and progress bars on a terminal.
type ui struct {
	out, err *os.File
	json     bool
	printed  bool // a result is out; another JSON document would make two
}

// result prints v as JSON, or the text lines for people.
func (u *ui) result(v any, lines ...string) error {
	u.printed = true
	if u.json {
		enc := json.NewEncoder(u.out)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(u.out, printable(l)); err != nil {
			return err
		}
	}
	return nil
}

// refuse prints a result that says why the command refuses, and returns that.
func (u *ui) refuse(why error, doc map[string]any, lines ...string) error {
	doc["error"], doc["exit"] = why.Error(), exitCode(why)
	return errors.Join(why, u.result(doc, lines...))
}

// progress returns a function that moves a bar to done of total bytes, and one that ends it. Off a terminal, and with
// --json, both do nothing.
func (u *ui) progress(label string) (update func(done, total int64), end func()) {
	if u.json || !term.IsTerminal(int(u.err.Fd())) {
		return func(int64, int64) {}, func() {}
	}
	p := mpb.New(mpb.WithOutput(u.err), mpb.WithWidth(48))
	bar := p.AddBar(0,
		mpb.PrependDecorators(decor.Name(label+" "), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f")),
	)
	update = func(done, total int64) {
		bar.SetTotal(total, false)
		bar.SetCurrent(done)
	}
	end = func() {
		bar.SetTotal(-1, true)
		p.Wait()
	}
	return update, end
}

// printable keeps names that an attacker chose from steering the terminal: whatever does not print is shown escaped.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return b.String()
}

// hexOf prints a digest.
func hexOf(d [32]byte) string { return hex.EncodeToString(d[:]) }
