package sign

import (
	"io"
	"io/fs"
)

// A content is what an open file reads from.
type content interface {
	size() int64
	// readAt copies verified bytes from off on, which lies before the end. Fewer than len(b) are copied at the end of the
	// content, and before an error.
	readAt(b []byte, off int64) (int, error)
	close() error
}

// inMemory is content that was verified as a whole and that nobody else has.
type inMemory struct{ data []byte }

func (c *inMemory) size() int64                             { return int64(len(c.data)) }
func (c *inMemory) readAt(b []byte, off int64) (int, error) { return copy(b, c.data[off:]), nil }
func (c *inMemory) close() error                            { c.data = nil; return nil }

// chunks is content that stays in the source. Each chunk is read anew unless the cache has it, into memory that nobody
// else sees, and held against the tag that was made when its part was verified.
type chunks struct {
	m   *Model
	t   *table
	src fs.File
	at  io.ReaderAt // src
}

func (c *chunks) size() int64 { return c.t.size }

func (c *chunks) close() error {
	c.m.cache.close()
	return c.src.Close()
}

func (c *chunks) readAt(b []byte, off int64) (n int, err error) {
	for n < len(b) && off < c.t.size {
		k, err := c.copy(b[n:], off)
		if err != nil {
			return n, err
		}
		n += k
		off += int64(k)
	}
	return n, nil
}

// copy copies what is left of the chunk at off.
func (c *chunks) copy(b []byte, off int64) (int, error) {
	s := c.t.at(off)
	p := place{c.t.f, s.index}
	if n := c.cached(b, p, off-s.start); n > 0 {
		return n, nil
	}
	tags, err := c.t.tags(c.m, c.at, s.part)
	if err != nil {
		return 0, err
	}
	if n := c.cached(b, p, off-s.start); n > 0 { // it was verified just now, and kept
		return n, nil
	}
	buf := c.m.cache.take()
	borrowed := buf != nil
	if !borrowed {
		buf = make([]byte, chunk)
	}
	data := buf[:s.end-s.start]
	if err := c.load(data, s, tags); err != nil {
		if borrowed {
			c.m.cache.put(buf)
		}
		return 0, err
	}
	n := copy(b, data[off-s.start:])
	if borrowed {
		c.m.cache.keep(p, data)
	}
	return n, nil
}

// load reads a chunk again and verifies it again.
func (c *chunks) load(data []byte, s spot, tags []tag) error {
	in := inOrder{at: c.at, off: s.start}
	if err := in.fill(data); err != nil {
		return fault(c.t.f, err)
	}
	if !c.t.good(s.index, data, tags[s.nth]) {
		return &MismatchError{Path: c.t.f.name, Start: s.start, End: s.end}
	}
	return nil
}

func (c *chunks) cached(b []byte, p place, from int64) int {
	k := c.m.cache.get(p)
	if k == nil {
		return 0
	}
	defer c.m.cache.unpin(k)
	return copy(b, k.data[from:])
}
