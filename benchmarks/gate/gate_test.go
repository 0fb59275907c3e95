package main

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/benchmarks/cases"
	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
)

func TestEveryGateHasABound(t *testing.T) {
	if _, err := readBounds(boundsJSON); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`{}`, `{"x": {"bound": 1, "better": "lower"}}`, `not JSON`} {
		if _, err := readBounds([]byte(bad)); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}

func TestBoundOfAnotherDirectionIsRefused(t *testing.T) {
	work := func() error { time.Sleep(time.Millisecond); return nil }
	c := cases.Constructor{Name: "x", New: func() (ratio.Case, error) {
		return ratio.Case{Name: "x", Better: ratio.Lower, Subject: work, Yardstick: work}, nil
	}}
	if _, err := measure(c, bound{Bound: 1, Better: ratio.Higher}, io.Discard); err == nil {
		t.Error("measured against a bound for the other direction")
	}
	broken := errors.New("broken")
	c.New = func() (ratio.Case, error) { return ratio.Case{}, broken }
	if _, err := measure(c, bound{Bound: 1, Better: ratio.Lower}, io.Discard); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownGateIsAnError(t *testing.T) {
	if err := run(io.Discard, io.Discard, "^no such gate$", false); err == nil {
		t.Error("measuring nothing passes")
	}
}
