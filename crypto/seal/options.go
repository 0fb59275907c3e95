package seal

import (
	"runtime"
	"time"
)

// An Option changes how files are read or written, never what is accepted as authentic.
type Option func(*options)

type options struct {
	workers    int
	maxSegment int64
	duty       int // percent
}

func newOptions(opts []Option) options {
	o := options{workers: runtime.GOMAXPROCS(0), maxSegment: MaxSegment, duty: 100}
	for _, f := range opts {
		f(&o)
	}
	o.workers = min(max(o.workers, 1), maxWorkers)
	o.duty = min(max(o.duty, 1), 100)
	return o
}

// WithWorkers sets on how many goroutines one call encrypts or decrypts. Default GOMAXPROCS, range 1 to 64. A process that
// serves while it loads may want fewer.
func WithWorkers(n int) Option { return func(o *options) { o.workers = n } }

// WithMaxSegment bounds the segment size of a keyset, in bytes. Default [MaxSegment]; the format ends at 2^31-1. Memory is
// this times the workers.
func WithMaxSegment(n int64) Option { return func(o *options) { o.maxSegment = n } }

// WithDuty is the priority knob: each worker works percent of the time and rests for the other part, a millisecond or more
// at once, so that a load in the background leaves the processors to live traffic. Default 100, range 1 to 100. It does
// not apply to [ReaderAt.ReadAt], whose caller waits.
func WithDuty(percent int) Option { return func(o *options) { o.duty = percent } }

// restEvery is how much rest a worker lets add up: timers are not exact below it.
const restEvery = time.Millisecond

// rest is what a worker owes after having worked for d.
func (o *options) rest(d time.Duration) time.Duration {
	return d * time.Duration(100-o.duty) / time.Duration(o.duty)
}
