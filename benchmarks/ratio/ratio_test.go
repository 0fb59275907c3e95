package ratio

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"
)

// spin hashes n times 64 KiB.
func spin(n int) func() error {
	buf := make([]byte, 64<<10)
	return func() error {
		for range n {
			d := sha256.Sum256(buf)
			buf[0] = d[0]
		}
		return nil
	}
}

func TestRatioOfKnownWork(t *testing.T) {
	for _, c := range []struct {
		better Better
		want   float64
	}{{Lower, 3}, {Higher, 1.0 / 3}} {
		r, err := Measure(Case{Name: "test", Better: c.better, Subject: spin(3), Yardstick: spin(1)}, 5)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ratio < c.want*0.7 || r.Ratio > c.want*1.4 {
			t.Errorf("%s: ratio %.2f, want about %.2f", c.better, r.Ratio, c.want)
		}
	}
}

// Work that finds its data in the caches, but for the time after the other side ran, is no faster and no slower than itself.
func TestTheOrderCostsBothSidesTheSame(t *testing.T) {
	warm, cold := spin(1000), spin(3000) // each a sample by itself
	last := 0
	side := func(me int) func() error {
		return func() error {
			work := warm
			if last != me {
				work = cold
			}
			last = me
			return work()
		}
	}
	for _, rounds := range []int{1, 2, 3} {
		r, err := Measure(Case{Name: "test", Better: Lower, Subject: side(1), Yardstick: side(2)}, rounds)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ratio < 0.7 || r.Ratio > 1.4 {
			t.Errorf("%d rounds: work is %.2f times as slow as itself", rounds, r.Ratio)
		}
	}
}

// A path that sleeps uses no CPU time and must be seen all the same.
func TestWaitingIsSeen(t *testing.T) {
	work := spin(1)
	r, err := Measure(Case{Name: "test", Better: Lower, Yardstick: spin(1), Subject: func() error {
		time.Sleep(time.Millisecond)
		return work()
	}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if Lower.Meets(r.Ratio, 2) {
		t.Errorf("a millisecond of sleep beside %v of work has the ratio %.2f", r.Yardstick, r.Ratio)
	}
}

func TestErrorsStopTheMeasurement(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []Case{
		{Better: Lower, Subject: func() error { return broken }, Yardstick: spin(1)},
		{Better: Lower, Subject: spin(1), Yardstick: func() error { return broken }},
	} {
		if _, err := Measure(c, 3); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

func TestMeets(t *testing.T) {
	for _, c := range []struct {
		b            Better
		ratio, bound float64
		want         bool
	}{
		{Higher, 0.9, 0.9, true}, {Higher, 0.89, 0.9, false}, {Lower, 1.2, 1.2, true}, {Lower, 1.21, 1.2, false}, {"", 1, 1, false},
	} {
		if got := c.b.Meets(c.ratio, c.bound); got != c.want {
			t.Errorf("%q.Meets(%v, %v) = %v", c.b, c.ratio, c.bound, got)
		}
	}
}
