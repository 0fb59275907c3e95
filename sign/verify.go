package sign

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// VerifyAll reads and verifies every signed file, with the workers of [WithWorkers], and reports all that is wrong in one
// error (errors.Join), in the order of names: for each file the first thing. It releases nothing: no tap sees the bytes, and
// what is read afterwards is verified again. Files that are not signed do not count; see [Model.Extra].
//
// progress may be nil; it is called at most every 100 ms and once at the end, never twice at a time. Cancellation of ctx is
// seen within one chunk of each worker and returned alone, when no worker is left.
// Errors: those of [Model.ReadInto], except for taps.
func (m *Model) VerifyAll(ctx context.Context, progress func(Progress)) error {
	return m.Verify(ctx, progress, slices.Collect(maps.Keys(m.files))...)
}

// Verify is [Model.VerifyAll] for the named files alone. Errors: also [ErrNotSigned], before anything is read.
func (m *Model) Verify(ctx context.Context, progress func(Progress), names ...string) error {
	if m.man == nil {
		return errNotOpened
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, name := range names {
		if _, err := m.lookup(name); err != nil {
			return err
		}
	}
	size := func(name string) (int64, bool) { return m.files[name].Size() }
	sums, err := hashFiles(ctx, m.src, names, form{m.man.HashType, m.man.ShardSize, size}, m.opts.effort, progress)
	if err != nil {
		return err
	}
	if err := m.notDenied(); err != nil { // meanwhile
		return err
	}
	var errs []error
	for i, h := range sums {
		f := m.files[names[i]]
		switch {
		case errors.Is(h.err, errLength):
			errs = append(errs, fault(f, h.err))
		case h.err != nil:
			errs = append(errs, h.err)
		default:
			if err := f.check(h.sums); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// gitPaths are left out of every signature (OMS v1.0 section 5.1).
var gitPaths = [...]string{".git", ".gitattributes", ".github", ".gitignore"}

// Extra lists, sorted, what lies in the source and is not signed: files and everything else that is not a directory. Left
// out are [Dir], the signature that [Open] found, the paths that the manifest records as ignored, those in ignore, and
// git's where the manifest records none; each with all below it. The method "shards" cannot sign files without content, so they
// are no extra files there.
//
// Extra files do not exist in the Model and cannot harm its users. The reference implementation refuses a model that has
// any, and a tool may want to do the same.
func (m *Model) Extra(ctx context.Context, ignore ...string) ([]string, error) {
	if m.man == nil {
		return nil, errNotOpened
	}
	skip := map[string]bool{Dir: true, m.sig: true}
	for _, p := range slices.Concat(m.man.IgnorePaths, ignore) {
		skip[p] = true
	}
	if len(m.man.IgnorePaths) == 0 {
		for _, p := range gitPaths {
			skip[p] = true
		}
	}
	var extra []string
	err := walk(ctx, m.src, skip, func(name string, d fs.DirEntry) error {
		if m.man.Method == manifest.MethodShards && d.Type().IsRegular() {
			if fi, err := d.Info(); err == nil && fi.Size() == 0 {
				return nil
			}
		}
		if m.files[name] == nil {
			extra = append(extra, name)
		}
		return nil
	})
	slices.SortFunc(extra, strings.Compare)
	return extra, err
}

// walk calls found for everything in src that is not a directory, except for the names in skip and what lies below them.
// Links are not followed.
func walk(ctx context.Context, src fs.FS, skip map[string]bool, found func(name string, d fs.DirEntry) error) error {
	return fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return in(name, err)
		case ctx.Err() != nil:
			return ctx.Err()
		case skip[name] && d.IsDir():
			return fs.SkipDir
		case skip[name] || d.IsDir():
			return nil
		}
		return found(name, d)
	})
}
