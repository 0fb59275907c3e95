package session_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard/detect/session"
)

// Weights that are no weights, and clocks that jump, neither hide an attack nor make one of nothing.
func TestOddWeightsAndClocks(t *testing.T) {
	for name, w := range map[string]float64{"NaN": math.NaN(), "negative": -5, "negative infinite": math.Inf(-1)} {
		d := newDetector(t, session.Config{Weight: func(string) float64 { return w }})
		for range 20 {
			if got := send(t, d, "mallory", "x", 1); got != nil {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	for _, w := range []float64{math.MaxFloat64, math.Inf(1)} { // counts as much as can be, and no more
		d := newDetector(t, session.Config{Weight: func(string) float64 { return w }})
		send(t, d, "mallory", "x", 2)
		if got := send(t, d, "mallory", "x", 0); !slices.Equal(got, []string{session.RuleEscalation}) {
			t.Errorf("weight %v: %v", w, got)
		}
	}
	now := time.Unix(1<<40, 0)
	d := newDetector(t, session.Config{Now: func() time.Time { return now }})
	for range 3 {
		send(t, d, "mallory", "x", 1)
	}
	now = time.Unix(0, 0) // set back
	if got := send(t, d, "mallory", "x", 1); !slices.Equal(got, []string{session.RuleEscalation}) {
		t.Error("a clock that was set back forgets:", got)
	}
	now = time.Unix(1<<40+1, 0)
	if got := send(t, d, "mallory", "x", 1); !slices.Equal(got, []string{session.RuleEscalation}) {
		t.Error("set forth again:", got)
	}
	now = time.Unix(1<<50, 0)
	if got := send(t, d, "mallory", "x", 1); got != nil {
		t.Error("never fades:", got)
	}
	for name, c := range map[string]session.Config{"NaN escalation": {Escalation: math.NaN()}, "NaN similarity": {Similarity: math.NaN()}, "infinite escalation": {Escalation: math.Inf(1)}, "escalation out of reach": {Escalation: 1e6}} {
		if _, err := session.New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Names of callers are hashed with a key, and a crowd of any size takes the memory of so many as there may be.
func TestMemoryOfACrowd(t *testing.T) {
	d := newDetector(t, session.Config{Callers: 100})
	text := func(i int) string {
		return fmt.Sprint(strings.Repeat("a harbour ", 40), i, strings.Repeat(fmt.Sprint(i*7919), 20))
	}
	fill := func(from, to int) uint64 {
		for i := from; i < to; i++ {
			for k := range 20 {
				send(t, d, fmt.Sprint("caller ", i), text(i*100+k), 1)
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := fill(0, 200)
	after := fill(200, 600)
	if after > before+1<<20 {
		t.Errorf("%d KiB more for 400 callers more", (after-before)>>10)
	}
	if before > 32<<20 {
		t.Errorf("%d KiB", before>>10)
	}
}

// Iterations interleaved with other questions, with changed case and spacing, are seen; an attacker does not push his own earlier
// attempts out with twice as many texts unless they are as many as that.
func TestIterationsAmongOthers(t *testing.T) {
	d := newDetector(t, session.Config{})
	found := false
	for i := range 16 {
		attempt := prompt + strings.Repeat(string(rune('a'+i)), 12)
		if i%2 == 0 {
			attempt = strings.ToUpper(strings.ReplaceAll(attempt, " ", "   "))
		}
		found = found || len(send(t, d, "pair", attempt, 0)) > 0
		if i%2 == 1 {
			send(t, d, "pair", strings.Repeat(fmt.Sprintf("question %d about topic %d and its history. ", i*7919, i*104729), 3), 0)
		}
	}
	if !found {
		t.Error("not noticed")
	}
}
