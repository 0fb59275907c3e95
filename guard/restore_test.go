package guard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A caller who has 64 texts to be restored does not have every byte of a long answer looked at 64 times.
func TestManyRestoresCostAsFew(t *testing.T) {
	var all []restore
	for i := range maxRestores {
		all = append(all, restore{placeholder("pii.email", i+1), fmt.Sprintf("user%d@example.com", i)})
	}
	text := strings.Repeat("The keeper lit the lamp, and wrote the weather into a book. ", 1<<19/60)
	restoring := func(rs []restore) func() {
		answer := []byte(text + all[0].placeholder)
		return func() {
			var r restorer
			r.begin(rs)
			if ms, held, err := r.Write(nil, answer); len(ms) != 1 || held != 0 || err != nil {
				t.Fatal(ms, held, err)
			}
		}
	}
	testkit.CostsAtMost(t, "many texts", 12, restoring(all), restoring(all[:1]))
}

// What other scanners find is spared exactly where it lies inside of one placeholder.
func TestSpare(t *testing.T) {
	r := restorer{done: []cut{{10, 20}, {20, 30}, {50, 60}}}
	var ms []stream.Match
	want := 0
	for start := range 70 {
		for end := start; end < 70; end++ {
			ms = append(ms, stream.Match{Start: start, End: end})
			inside := false
			for _, c := range r.done {
				inside = inside || start >= c.start && end <= c.end
			}
			if !inside {
				want++
			}
		}
	}
	kept := r.spare(ms, 0)
	for _, m := range kept {
		for _, c := range r.done {
			if m.Start >= c.start && m.End <= c.end {
				t.Errorf("%d to %d is kept", m.Start, m.End)
			}
		}
	}
	if len(kept) != want {
		t.Errorf("%d kept, want %d", len(kept), want)
	}
}
