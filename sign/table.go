package sign

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"sync"

	"github.com/holdfast-ai/holdfast/sign/digest"
)

// A table remembers of a file what was verified: a tag for each chunk. Chunks do not reach over the end of a part, which is
// what has a digest of its own: a shard, or the whole file.
type table struct {
	tagger
	f    *file
	size int64
	span int64 // bytes of a part; the last may be shorter
	per  int64 // chunks of a part

	parts []verified
}

type verified struct {
	mu   sync.Mutex // held while the part is verified
	tags []tag      // nil until it was
}

func newTable(f *file, size int64) *table {
	t := &table{tagger: newTagger(), f: f, size: size, span: f.ShardSize}
	if t.span == 0 {
		t.span = size
	}
	t.per = shards(t.span, chunk)
	t.parts = make([]verified, shards(size, t.span))
	return t
}

// part is where a part begins and ends.
func (t *table) part(i int) (start, end int64) {
	start = int64(i) * t.span
	return start, start + min(t.span, t.size-start)
}

// A spot is one chunk of a table's file.
type spot struct {
	part       int
	nth        int64 // chunk of the part
	index      int64 // of the file: the nonce of its tag
	start, end int64 // bytes of the file
}

// at is the chunk that holds the byte at off.
func (t *table) at(off int64) spot {
	s := spot{part: int(off / t.span)}
	start, end := t.part(s.part)
	s.nth = (off - start) / chunk
	s.index = int64(s.part)*t.per + s.nth
	s.start = start + s.nth*chunk
	s.end = s.start + min(chunk, end-s.start)
	return s
}

// A record makes the tags of a pass, and keeps its chunks where all of them together are small beside the cache.
type record struct {
	t     *table
	cache *cache // nil: keeps nothing
	own   []byte // for what is not kept
	spot  spot
	tags  [][]tag
	kept  []cached
}

func newRecord(t *table, c *cache, start, end int64) *record {
	r := &record{t: t}
	if end-start <= int64(c.limit)*chunk/2 {
		r.cache = c
	}
	return r
}

// window gives the pass memory for the chunk at off.
func (r *record) window(off int64, _ int) []byte {
	r.spot = r.t.at(off)
	n := int(r.spot.end - off)
	if r.cache != nil {
		if b := r.cache.take(); b != nil {
			r.kept = append(r.kept, cached{place: place{r.t.f, r.spot.index}, data: b[:n]})
			return b[:n]
		}
	}
	if r.own == nil {
		r.own = make([]byte, chunk)
	}
	return r.own[:n]
}

func (r *record) keep(b []byte) {
	if r.spot.nth == 0 {
		r.tags = append(r.tags, nil)
	}
	last := len(r.tags) - 1
	r.tags[last] = append(r.tags[last], r.t.tag(r.spot.index, b))
}

// end keeps the chunks of a pass that was good, and clears those of one that was not.
func (r *record) end(good bool) {
	for _, k := range r.kept {
		if good {
			r.cache.keep(k.place, k.data)
		} else {
			r.cache.put(k.data)
		}
	}
	clear(r.own)
}

// tableOf returns the table of an open file, and makes it when the file is opened first. A file with one digest, and one
// that taps want to see, is read and verified as a whole then.
func (m *Model) tableOf(ctx context.Context, f *file, src fs.File, size int64) (*table, error) {
	m.mu.Lock()
	t := m.tables[f]
	m.mu.Unlock()
	if t != nil {
		if t.size != size {
			return nil, fault(f, errLength)
		}
		return t, nil
	}
	taps, err := m.taps(f.name, size)
	if err != nil {
		return nil, err
	}
	t = newTable(f, size)
	if f.ShardSize == 0 || len(taps) > 0 {
		if err := m.fillTable(ctx, t, src, taps); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tables[f] == nil { // else it was opened twice at a time
		m.tables[f] = t
	}
	return m.tables[f], nil
}

// fillTable verifies the whole file.
func (m *Model) fillTable(ctx context.Context, t *table, src fs.File, taps []Tap) (err error) {
	r := newRecord(t, m.cache, 0, t.size)
	good := false
	defer func() { r.end(good) }() // also where a tap panics
	p := m.pass(t.f, taps)
	p.keep = r.keep
	in := newInOrder(src)
	if err = p.read(ctx, &in, t.size, r.window); err == nil {
		err = in.nothingFollows()
	}
	if err != nil {
		return fault(t.f, err)
	}
	if err := p.finish(t.f); err != nil {
		return err
	}
	for i, tags := range r.tags {
		t.parts[i].tags = tags
	}
	good = true
	return nil
}

// readOnFrom reads the open file src from an offset on. A file that fills destinations itself decrypts a large piece for every small one
// that is read at an offset, and keeps it only for who reads on: such a file is opened once more, for this one alone. done closes it.
func (m *Model) readOnFrom(f *file, src io.ReaderAt, size, off int64) (in inOrder, done func(), err error) {
	if _, fills := src.(allReader); fills {
		own, now, err := m.openSigned(f)
		if err != nil {
			return in, nil, err
		}
		if now != size {
			own.Close()
			return in, nil, fault(f, errLength)
		}
		if seeker, ok := own.(io.Seeker); ok {
			if _, err := seeker.Seek(off, io.SeekStart); err == nil {
				return inOrder{src: own, off: off}, func() { own.Close() }, nil
			}
		}
		own.Close()
	}
	return inOrder{at: src, off: off}, func() {}, nil
}

// tags returns the tags of a part, which is verified before where it was not. Whoever wants the same part waits.
func (t *table) tags(m *Model, src io.ReaderAt, part int) ([]tag, error) {
	v := &t.parts[part]
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tags != nil {
		return v.tags, nil
	}
	start, end := t.part(part)
	r := newRecord(t, m.cache, start, end)
	good := false
	defer func() { r.end(good) }()
	p := pass{sum: digest.New(t.f.Algorithm, 0), pace: m.opts.effort.pacer(), keep: r.keep}
	in, done, err := m.readOnFrom(t.f, src, t.size, start)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := p.read(context.Background(), &in, end, r.window); err != nil {
		return nil, fault(t.f, err)
	}
	want, got := t.f.Shards[part].Digest, p.sum.Sums()[0]
	if !bytes.Equal(got, want) {
		return nil, &MismatchError{Path: t.f.name, Algorithm: t.f.Algorithm, Want: want, Got: got, Start: start, End: end}
	}
	v.tags, good = r.tags[0], true
	return v.tags, nil
}
