package sign

import (
	"io"
	"time"
)

// Defaults of [WithMemoryLimit] and [WithCache].
const (
	DefaultMemoryLimit = 1 << 30  // bytes of one file
	DefaultCache       = 32 << 20 // bytes of all open files together
)

// An Option changes how [Open] works, never what it accepts.
type Option func(*options)

type options struct {
	bundle    []byte
	given     bool // bundle, even if it is empty
	shards    bool // look for the companion first
	cosigners [][]byte
	denyList  []byte
	onDenied  func(error)

	limit  int64
	cache  int64
	effort effort
	clock  func() time.Time
	taps   []func(string, int64) (Tap, error)

	onChecks func([]Check)
}

// WithBundle gives the signature's bytes; nil is a signature that is refused. Default: [SignatureFile], else [PlainSignatureFile], in the source.
func WithBundle(b []byte) Option { return func(o *options) { o.bundle, o.given = b, true } }

// WithMemoryLimit bounds the size, in bytes, of each file that [Model.ReadFile] returns and that [Model.Open] must hold in
// memory, because its source has no [io.ReaderAt]; larger ones give [ErrTooLarge]. Default [DefaultMemoryLimit].
// [Model.ReadInto] needs no limit: its caller brings the memory.
func WithMemoryLimit(n int64) Option { return func(o *options) { o.limit = n } }

// WithCache bounds the memory, in bytes, in which the open files of the Model together keep verified chunks; what is read
// again later is verified again. Default [DefaultCache]; 0 keeps nothing.
func WithCache(n int64) Option { return func(o *options) { o.cache = n } }

// WithWorkers bounds how many workers hash at once in one call of [Model.VerifyAll] or [Model.Verify]. A worker takes one
// processor, and memory for two chunks of 256 KiB. It has at most 16 files open, and more than two only where the processor
// hashes that many at once. Default, and for n below 1, GOMAXPROCS, which is for start-up: requests that are served meanwhile
// then wait for a processor, and ten milliseconds and more until Go's scheduler looks at the network. Fewer than GOMAXPROCS
// leave it a processor.
func WithWorkers(n int) Option { return func(o *options) { o.effort.workers = n } }

// WithDuty is the priority knob: whatever reads and hashes works percent of the time, 1 to 99, and rests for the other part,
// some milliseconds at a time, so that loading a model does not slow down another that is served: with one worker and 25
// percent, requests take 1.1 to 1.2 times as long as without. Default, and for values
// outside, 100: it does not rest, and only lets others go first after each chunk.
func WithDuty(percent int) Option { return func(o *options) { o.effort.duty = percent } }

// WithStandardHash hashes with the standard library alone, one file or shard per worker. Default: where the processor can hash
// several at once on one core, SHA-256 runs in assembly of this module, up to 2.2 times as fast; never in FIPS 140-3 mode.
func WithStandardHash() Option { return func(o *options) { o.effort.standard = true } }

// WithClock gives the time at which certificates, windows of keys and deny lists are judged; the zero time judges nothing and is refused.
// Default [time.Now].
func WithClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// WithTap has f called for each file that is released, by whatever way: through the [Tap] that it returns pass the file's
// bytes, in order, in the same pass that hashes them. A nil Tap lets the file pass. An error of f refuses the file.
// Several taps see the same bytes one after the other. f is called concurrently where files are read concurrently.
// A large file that is opened again, see [Model.OpenFile], does not pass again: its chunks are held against those that passed.
func WithTap(f func(name string, size int64) (Tap, error)) Option {
	return func(o *options) { o.taps = append(o.taps, f) }
}

// A Tap inspects one file as its bytes pass. Write sees bytes that are not verified yet and must not keep them; an error
// refuses the file. Finish is called once, only after the digest of all bytes matched; its error refuses the file too.
// A Tap whose file fails is dropped without Finish, so it must hold nothing that needs closing.
type Tap interface {
	io.Writer
	Finish() error
}

func newOptions(opts []Option) options {
	o := options{limit: DefaultMemoryLimit, cache: DefaultCache, clock: time.Now}
	for _, set := range opts {
		set(&o)
	}
	return o
}
