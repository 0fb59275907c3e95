// Package ratio compares two pieces of work inside one process, so that a result means the same on a slow and on a busy
// machine. Time is the CPU time of the process (getrusage), which other processes cannot lengthen. Subject and yardstick run
// in rounds: there and back, so that whatever a side costs by coming after the other (whose data are in the caches) costs
// both the same. The result is the median of the ratios of the rounds.
//
// A path that waits would be cheap by CPU time alone, so wall time is taken too and counts where it is worse than CPU time
// by more than half ([wallSlack]): interleaving keeps noise of that size out of a median. What several cores are for can only
// be seen in wall time: such a case says so, and is as good as the machine is quiet.
package ratio

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Better says which side of the bound a ratio must be on.
type Better string

// Speed ratios (yardstick's time by subject's time) are better higher, cost ratios (the reverse) better lower.
const (
	Higher Better = "higher"
	Lower  Better = "lower"
)

// A Case is one comparison. Subject and Yardstick do the same amount of work once, each on its own state.
type Case struct {
	Name      string // begins with the tree: "seal/decrypt/memory/1MiB"
	Better    Better
	Subject   func() error
	Yardstick func() error
	// Stages, in place of Yardstick, are pieces of work that are timed each by itself; Limit makes one time of theirs.
	Stages []func() error
	Limit  func(stages []time.Duration) time.Duration
	Wall   bool   // compare wall time
	Bytes  int64  // that one run of either works on, for reports; 0 where bytes mean nothing
	Close  func() // ends what New began; or nil
}

// A Result is what was measured.
type Result struct {
	Name      string
	Ratio     float64 // median over the rounds
	Spread    float64 // interquartile range by median
	Rounds    int
	Subject   time.Duration // CPU time of one run, median
	Yardstick time.Duration
}

const (
	// minSample is the least CPU time of one sample: far above the microsecond of getrusage and the slice of the scheduler.
	minSample = 15 * time.Millisecond
	// wallSlack is how much worse wall time may be than CPU time before it counts.
	wallSlack = 1.5
)

type sample struct{ cpu, wall time.Duration }

// stages returns the yardstick as stages and what makes one time of theirs.
func (c *Case) stages() ([]func() error, func([]time.Duration) time.Duration) {
	if c.Yardstick != nil {
		return []func() error{c.Yardstick}, func(d []time.Duration) time.Duration { return d[0] }
	}
	return c.Stages, c.Limit
}

// A work is something to time, with the runs that make one sample.
type work struct {
	f    func() error
	runs int
}

// Measure runs the case in so many rounds.
func Measure(c Case, rounds int) (Result, error) {
	runtime.GC() // what cases before this one left is not collected in its time
	stages, limit := c.stages()
	var works []work // the subject, then the stages of the yardstick
	for i, f := range append([]func() error{c.Subject}, stages...) {
		n, err := calibrate(f)
		if err != nil {
			return Result{}, fmt.Errorf("%s: part %d: %w", c.Name, i, err)
		}
		works = append(works, work{f, n})
	}
	var ratios, subjects, yardsticks []float64
	for i := range rounds + 1 {
		cpu, wall, err := round(works)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", c.Name, err)
		}
		if i == 0 {
			continue // the round before any other: no side comes after itself at its start
		}
		byCPU, byWall := quotient(cpu[0], limit(cpu[1:])), quotient(wall[0], limit(wall[1:]))
		cost, of := max(byCPU, byWall/wallSlack), cpu
		if c.Wall {
			cost, of = byWall, wall
		}
		if c.Better == Higher {
			cost = 1 / cost
		}
		ratios = append(ratios, cost)
		subjects = append(subjects, float64(of[0]))
		yardsticks = append(yardsticks, float64(limit(of[1:])))
	}
	m := quantile(ratios, 0.5)
	return Result{
		Name: c.Name, Ratio: m, Spread: (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / m, Rounds: rounds,
		Subject: time.Duration(quantile(subjects, 0.5)), Yardstick: time.Duration(quantile(yardsticks, 0.5)),
	}, nil
}

// round takes two samples of each work, first to last and back again, and returns the mean time of one run of each.
func round(works []work) (cpu, wall []time.Duration, err error) {
	cpu, wall = make([]time.Duration, len(works)), make([]time.Duration, len(works))
	for k := range 2 * len(works) {
		i := min(k, 2*len(works)-1-k)
		s, err := run(works[i].f, works[i].runs)
		if err != nil {
			return nil, nil, err
		}
		cpu[i] += s.cpu
		wall[i] += s.wall
	}
	for i, w := range works {
		cpu[i] /= time.Duration(2 * w.runs)
		wall[i] /= time.Duration(2 * w.runs)
	}
	return cpu, wall, nil
}

func quotient(a, b time.Duration) float64 { return float64(max(a, 1)) / float64(max(b, 1)) }

// Meets reports whether a ratio is on the right side of the bound.
func (b Better) Meets(ratio, bound float64) bool {
	switch b {
	case Higher:
		return ratio >= bound
	case Lower:
		return ratio <= bound
	}
	return false
}

// calibrate returns how many runs make one sample.
func calibrate(work func() error) (int, error) {
	for n := 1; ; n *= 2 {
		s, err := run(work, n)
		if err != nil || s.cpu >= minSample || s.wall >= 4*minSample {
			return n, err
		}
	}
}

func run(work func() error, n int) (sample, error) {
	wall, before := time.Now(), cpuTime()
	for range n {
		if err := work(); err != nil {
			return sample{}, err
		}
	}
	return sample{cpu: cpuTime() - before, wall: time.Since(wall)}, nil
}

// cpuTime is the user and system time of all threads of the process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("ratio: internal error: getrusage: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quantile returns the value of the nearest rank.
func quantile[T cmp.Ordered](v []T, q float64) T {
	s := slices.Sorted(slices.Values(v))
	return s[int(q*float64(len(s)-1)+0.5)]
}
