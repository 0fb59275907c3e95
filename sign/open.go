package sign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

const (
	// Dir is the directory of ours in a model's root: signatures live there, and nothing in it is model content.
	Dir = ".holdfast"
	// SignatureFile is where [Open] looks for the bundle first.
	SignatureFile = Dir + "/model.sig"
	// PlainSignatureFile is the reference implementation's name for it, where Open looks next.
	PlainSignatureFile = "model.sig"
)

// Defaults of [WithMemoryLimit] and [WithCache].
const (
	DefaultMemoryLimit = 1 << 30  // bytes of one file
	DefaultCache       = 32 << 20 // bytes of all open files together
)

// Values of [Identity].Method.
const (
	MethodKey         = "key"         // verified with one of [Policy].Keys
	MethodCertificate = "certificate" // verified with a certificate under one of [Policy].Roots
)

// An Identity says what was verified.
type Identity struct {
	ModelID        [32]byte // what policies and claims name ([manifest.ModelID])
	Name           string   // of holdfast.json; "" where the model has none
	Version        uint64   // of holdfast.json; 0 where the model has none
	KeyFingerprint [32]byte // of the first signer: SHA-256 of the SubjectPublicKeyInfo in DER
	RootDigest     [32]byte // of OMS; for interop only, it does not cover names
	Method         string   // of the first signer: MethodKey, MethodCertificate or that of a [BundleVerifier]
}

// An Option changes how [Open] works, never what it accepts.
type Option func(*options)

type options struct {
	bundle    []byte
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

// WithBundle gives the signature's bytes. Default: [SignatureFile], else [PlainSignatureFile], in the source.
func WithBundle(b []byte) Option { return func(o *options) { o.bundle = b } }

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

// WithClock gives the time at which certificates are judged. Default [time.Now].
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

// A Model is a file system of the signed files of a model. Nothing else exists in it, and it returns no byte that was not
// verified. It is safe for concurrent use. See [Model.ReadInto] for the way that costs least.
type Model struct {
	src   fs.FS
	opts  options
	man   *manifest.Manifest
	id    Identity
	files map[string]*file
	dirs  map[string][]fs.DirEntry // sorted by name
	sig   string                   // where the bundle was found in src, or ""

	policy  Policy
	checks  []Check
	signers []Signer
	denyMu  sync.Mutex
	deny    *denyList             // guarded by denyMu; nil where the policy asks for none
	denied  atomic.Pointer[error] // why nothing comes out any more

	cache *cache

	mu       sync.Mutex
	released map[string]bool
	tables   map[*file]*table // of the files that were opened and are too large to be held
}

// file is one signed file: the name it has here and in the source, and what the manifest says of it.
type file struct {
	name string
	manifest.File
}

// check compares the digests of the bytes that were read with the signed ones.
func (f *file) check(got [][]byte) error {
	i := f.Differs(got)
	if i < 0 {
		return nil
	}
	e := &MismatchError{Path: f.name, Algorithm: f.Algorithm}
	if want := f.Digests(); i < len(want) {
		e.Want = want[i]
	}
	if i < len(got) {
		e.Got = got[i]
	}
	if f.ShardSize > 0 {
		e.Start = int64(i) * f.ShardSize
		e.End = e.Start + f.ShardSize
		if i < len(f.Shards) {
			e.End = f.Shards[i].End
		}
	}
	return e
}

// Open verifies the signature of the model in src and holds it against p. It reads the bundle and, where it is signed,
// holdfast.json; no weights. src is typically os.Root's FS, or [DirFS], or a file system that decrypts; it must stay
// valid as long as the Model is used. Further checks happen as files are read.
//
// Errors: [ErrPolicy], [ErrVersion], [ErrDenied], [ErrSignature], [ErrFormat], [ErrUnsupported], [ErrMismatch] and [ErrMissing] of
// holdfast.json, and faults of src.
func Open(ctx context.Context, src fs.FS, p Policy, opts ...Option) (*Model, error) {
	m, c, err := evaluate(ctx, src, p, opts)
	if f := newOptions(opts).onChecks; f != nil {
		f(c.lines)
	}
	return m, err
}

func newModel(src fs.FS, p Policy, opts []Option) *Model {
	m := &Model{src: src, policy: p, opts: newOptions(opts), released: map[string]bool{}, tables: map[*file]*table{}}
	m.cache = newCache(m.opts.cache)
	return m
}

func newOptions(opts []Option) options {
	o := options{limit: DefaultMemoryLimit, cache: DefaultCache, clock: time.Now}
	for _, set := range opts {
		set(&o)
	}
	return o
}

// findBundle returns the bundle's bytes. A bundle that is present and cannot be read is an error: falling through to
// another file would let storage choose the signature.
func (m *Model) findBundle(ctx context.Context) ([]byte, error) {
	if m.opts.bundle != nil {
		return m.opts.bundle, nil
	}
	for _, name := range m.opts.signatureFiles() {
		data, err := readBounded(ctx, m.src, name, bundle.MaxSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m.sig = name
		return data, nil
	}
	return nil, fmt.Errorf("%w: neither %s nor %s exists", ErrSignature, SignatureFile, PlainSignatureFile)
}

// index builds the tree of signed names.
func (m *Model) index() error {
	m.files = make(map[string]*file, len(m.man.Files))
	m.dirs = map[string][]fs.DirEntry{}
	for _, r := range m.man.Files {
		name := r.Name
		if name == manifest.SingleFile {
			// The reference implementation signs a model of one file under ".". The subject is the file's name then, and it is
			// signed like everything else.
			name = m.man.Subject
			if err := manifest.CheckName(name); err != nil || strings.Contains(name, "/") {
				return &manifest.FormatError{Field: "subject[0].name", Reason: "is not the name of the single file", Kind: ErrFormat}
			}
		}
		if name == Dir || strings.HasPrefix(name, Dir+"/") {
			return &manifest.FormatError{Field: "predicate.resources", Reason: "signs a file in " + Dir + ", which never is model content", Kind: ErrFormat}
		}
		m.files[name] = &file{name, r}
		m.mkdir(path.Dir(name))
		m.link(name, fs.FileMode(0))
	}
	for _, entries := range m.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return nil
}

func (m *Model) mkdir(dir string) {
	if _, ok := m.dirs[dir]; ok {
		return
	}
	m.dirs[dir] = nil
	if dir != "." {
		m.mkdir(path.Dir(dir))
		m.link(dir, fs.ModeDir)
	}
}

func (m *Model) link(name string, typ fs.FileMode) {
	dir := path.Dir(name)
	m.dirs[dir] = append(m.dirs[dir], &entry{m: m, path: name, typ: typ})
}

// readCard reads and verifies holdfast.json, or returns nil where it is not signed.
func (m *Model) readCard(ctx context.Context) (*card, error) {
	f := m.files[CardFile]
	if f == nil {
		return nil, nil
	}
	data, err := m.readVerified(ctx, f, maxCard, nil)
	if err != nil {
		return nil, err
	}
	return parseCard(data)
}

// Identity returns what was verified.
func (m *Model) Identity() Identity { return m.id }

// Subject returns the name that the signer's tool recorded, usually of a directory. It is informational: policies use
// holdfast.json.
func (m *Model) Subject() string { return m.man.Subject }

// Files returns the signed files in the manifest's order. The caller owns the slice and must not modify the digests.
// The single file of a model that was signed as "." has its own name here. A file that was signed in shards has the
// algorithm that implementations give them, such as "sha256-sharded-16777216", and the digest of [manifest.File.ID].
func (m *Model) Files() []manifest.Resource {
	out := make([]manifest.Resource, len(m.man.Files))
	for i, f := range m.man.Files {
		out[i] = manifest.Resource{Name: f.Name, Algorithm: f.Algorithm, Digest: f.ID()}
		if f.ShardSize > 0 {
			out[i].Algorithm = manifest.ShardAlgorithm(f.Algorithm, f.ShardSize)
		}
	}
	if len(out) == 1 && out[0].Name == manifest.SingleFile {
		out[0].Name = m.man.Subject
	}
	return out
}

// Size returns the size of a signed file in bytes: as it is signed, or where only a digest of the whole is, as the source
// gives it now, which is a hint until the file was read.
// Errors: [ErrNotSigned], [ErrMissing], [ErrNotRegular], faults of the source.
func (m *Model) Size(name string) (int64, error) {
	f, err := m.lookup(name)
	if err != nil {
		return 0, err
	}
	fi, err := lstat(m.src, name)
	if err != nil {
		return 0, err
	}
	if n, known := f.Size(); known {
		return n, nil
	}
	return fi.Size(), nil
}

func (m *Model) lookup(name string) (*file, error) {
	if err := m.notDenied(); err != nil {
		return nil, err
	}
	if f := m.files[name]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%w (%q)", ErrNotSigned, name)
}

// limit is the memory limit as a size that a slice can have.
func (m *Model) limit() int64 { return min(m.opts.limit, math.MaxInt) }
