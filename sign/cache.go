package sign

import (
	"container/list"
	"sync"
)

// A cache keeps verified chunks of open files in memory that does not grow beyond its limit: the chunks that were used
// last. Buffers are handed out to be filled, and come back with what was verified or empty. It is safe for concurrent use.
type cache struct {
	mu    sync.Mutex
	limit int // buffers that may exist
	made  int // buffers that exist
	free  [][]byte
	lru   list.List // of *cached, the last used in front
	at    map[place]*list.Element
	users int
}

// A place is a chunk of a file.
type place struct {
	f *file
	i int64
}

type cached struct {
	place
	data []byte
	pins int // readers that are copying from it
}

func newCache(bytes int64) *cache {
	return &cache{limit: int(min(max(bytes, 0)/chunk, 1<<30)), at: map[place]*list.Element{}}
}

// get returns a chunk that is kept, or nil. The caller must unpin it.
func (c *cache) get(p place) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[p]
	if e == nil {
		return nil
	}
	c.lru.MoveToFront(e)
	k := e.Value.(*cached)
	k.pins++
	return k
}

func (c *cache) unpin(k *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.pins--
}

// take returns a buffer of one chunk: a new one, an unused one or that of the chunk that was used least lately. It returns
// nil where all are in use; whoever must go on then brings memory of their own.
func (c *cache) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		b := c.free[n-1]
		c.free = c.free[:n-1]
		return b
	}
	if c.made < c.limit {
		c.made++
		return make([]byte, chunk)
	}
	for e := c.lru.Back(); e != nil; e = e.Prev() {
		if k := e.Value.(*cached); k.pins == 0 {
			c.drop(e)
			return k.data[:chunk]
		}
	}
	return nil
}

// keep stores data, verified, in a buffer of take.
func (c *cache) keep(p place, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at[p] != nil || c.users == 0 { // another reader was faster, or the last file was closed
		c.back(data)
		return
	}
	c.at[p] = c.lru.PushFront(&cached{place: p, data: data})
}

// put returns a buffer of take whose content is not worth keeping.
func (c *cache) put(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.back(b)
}

func (c *cache) back(b []byte) {
	b = b[:chunk]
	clear(b)
	if c.users == 0 {
		c.made--
		return
	}
	c.free = append(c.free, b)
}

func (c *cache) drop(e *list.Element) {
	c.lru.Remove(e)
	delete(c.at, e.Value.(*cached).place)
}

// open counts a user. After the last one left no memory is held and no plaintext remains.
func (c *cache) open() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users++
}

func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.users > 0 {
		return
	}
	for e := c.lru.Front(); e != nil; e = c.lru.Front() {
		c.drop(e)
		clear(e.Value.(*cached).data)
		c.made--
	}
	c.made -= len(c.free)
	c.free = nil
}
