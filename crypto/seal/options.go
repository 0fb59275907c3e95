package seal

import "runtime"

// An Option changes how files are read or written, never what is accepted as authentic.
type Option func(*options)

type options struct {
	workers    int
	maxSegment int64
}

func newOptions(opts []Option) options {
	o := options{workers: runtime.GOMAXPROCS(0), maxSegment: MaxSegment}
	for _, f := range opts {
		f(&o)
	}
	o.workers = min(max(o.workers, 1), maxWorkers)
	return o
}

// WithWorkers sets on how many goroutines one call encrypts or decrypts. Default GOMAXPROCS, range 1 to 64. A process that
// serves while it loads may want fewer.
func WithWorkers(n int) Option { return func(o *options) { o.workers = n } }

// WithMaxSegment bounds the segment size of a keyset, in bytes. Default [MaxSegment]; the format ends at 2^31-1. Memory is
// this times the workers.
func WithMaxSegment(n int64) Option { return func(o *options) { o.maxSegment = n } }
