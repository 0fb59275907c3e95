package sign

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/sign/manifest"
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

// Identity returns what was verified.
func (m *Model) Identity() Identity { return m.id }

// Subject returns the name that the signer's tool recorded, usually of a directory. It is informational: policies use
// holdfast.json.
func (m *Model) Subject() string {
	if m.man == nil {
		return ""
	}
	return m.man.Subject
}

// Files returns the signed files in the manifest's order. The caller owns the slice and must not modify the digests.
// The single file of a model that was signed as "." has its own name here. A file that was signed in shards has the
// algorithm that implementations give them, such as "sha256-sharded-16777216", and the digest of [manifest.File.ID].
func (m *Model) Files() []manifest.Resource {
	if m.man == nil {
		return nil
	}
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
