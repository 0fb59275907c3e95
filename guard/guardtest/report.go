package guardtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// A Failure is one thing that a server under test did wrong.
type Failure struct {
	Kind   api.Kind // the dialect and its operation
	Path   string
	Stream bool // whether a stream was asked for
	Attack string
	Why    string
}

// String is one line of a report.
func (f Failure) String() string {
	return fmt.Sprintf("%s %s stream=%t: %s: %s", f.Kind, f.Path, f.Stream, f.Attack, f.Why)
}

// A Cell counts the checks of one class on one route.
type Cell struct {
	Kind   api.Kind
	Stream bool
	Class  string // of the corpus, or answer, fault, stream
	Checks int
	Failed int // of the checks; one can fail for several reasons
}

// Name is what the subtest of the cell is named: openai.chat/stream/json.
func (c Cell) Name() string {
	how := "whole"
	if c.Stream {
		how = "stream"
	}
	return fmt.Sprintf("%s/%s/%s", c.Kind, how, c.Class)
}

// A Report says what was checked and what failed.
type Report struct {
	Cells    []Cell    // in the order of their first check
	Failures []Failure // in the order in which they were found
}

func class(attack string) string {
	c, _, _ := strings.Cut(attack, "/")
	return c
}

func (r *Report) begin(kind api.Kind, stream bool, attack string) {
	i := slices.IndexFunc(r.Cells, func(c Cell) bool { return c.Kind == kind && c.Stream == stream && c.Class == class(attack) })
	if i < 0 {
		i, r.Cells = len(r.Cells), append(r.Cells, Cell{Kind: kind, Stream: stream, Class: class(attack)})
	}
	r.Cells[i].Checks++
}

func (r *Report) fail(f Failure) {
	known := slices.ContainsFunc(r.Failures, func(x Failure) bool { return x.Kind == f.Kind && x.Stream == f.Stream && x.Attack == f.Attack })
	r.Failures = append(r.Failures, f)
	for i := range r.Cells {
		if c := &r.Cells[i]; !known && c.Kind == f.Kind && c.Stream == f.Stream && c.Class == class(f.Attack) {
			c.Failed++
		}
	}
}

// Of returns the failures of a cell.
func (r Report) Of(c Cell) []Failure {
	var out []Failure
	for _, f := range r.Failures {
		if f.Kind == c.Kind && f.Stream == c.Stream && class(f.Attack) == c.Class {
			out = append(out, f)
		}
	}
	return out
}

// String is a table of passed/all checks: a line for each route, whole and streamed, and a column for each class.
func (r Report) String() string {
	var rows, classes []string
	table := map[string]map[string]string{}
	for _, c := range r.Cells {
		row := strings.TrimSuffix(c.Name(), "/"+c.Class)
		if table[row] == nil {
			table[row], rows = map[string]string{}, append(rows, row)
		}
		if !slices.Contains(classes, c.Class) {
			classes = append(classes, c.Class)
		}
		table[row][c.Class] = fmt.Sprintf("%d/%d", c.Checks-c.Failed, c.Checks)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s", "corpus version "+fmt.Sprint(CorpusVersion))
	for _, c := range classes {
		fmt.Fprintf(&b, " %9s", c)
	}
	for _, row := range rows {
		fmt.Fprintf(&b, "\n%-26s", row)
		for _, c := range classes {
			fmt.Fprintf(&b, " %9s", table[row][c])
		}
	}
	return b.String()
}

// show makes a subtest of each cell, and logs the table.
func (r Report) show(t *testing.T, err error) {
	t.Helper()
	for _, c := range r.Cells {
		t.Run(c.Name(), func(t *testing.T) {
			for _, f := range r.Of(c) {
				t.Error(f)
			}
		})
	}
	t.Logf("\n%s", r)
	if err != nil {
		t.Fatal(err)
	}
}
