package memory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// maxBuffers of a ring. Copies to a device keep a handful in flight; Put looks at each of them.
const maxBuffers = 1024

// States of a buffer. Between out and idle it is being cleared, and nobody's.
const (
	inside int32 = iota
	out
	clearing
)

// errNotOut means that a buffer was given back that is not out, or is not of the ring.
var errNotOut = errors.New("memory: buffer is not out of this ring")

// A Ring is a fixed number of buffers of one size that are used again and again, for plaintext on its way to a device: memory
// that is warm costs no page faults, which on fresh pages take several times as long as decrypting does. It is safe for
// concurrent use. Make it with [NewRing]; the zero value behaves as closed.
//
// Bytes that pass through it before the end of their file was verified are provisional; whoever fills it says so.
type Ring struct {
	region *Region
	slots  [][]byte
	state  []atomic.Int32
	idle   chan struct{} // one for each of free
	closed chan struct{}

	mu   sync.Mutex
	free []int // the last one given back is the first to go out: it is still in the cache
}

// NewRing makes n buffers of size bytes each, which start at page boundaries. The caller must Close it.
// Errors: [ErrConfig], and those of [NewRegion].
func NewRing(n, size int, o Options) (*Ring, error) {
	if n < 1 || n > maxBuffers || size < 1 {
		return nil, fmt.Errorf("%w: a ring of %d buffers of %d bytes", ErrConfig, n, size)
	}
	step := (int64(size) + int64(os.Getpagesize()) - 1) / int64(os.Getpagesize()) * int64(os.Getpagesize())
	region, err := NewRegion(int64(n)*step, o)
	if err != nil {
		return nil, err
	}
	r := &Ring{region: region, slots: make([][]byte, n), state: make([]atomic.Int32, n), free: make([]int, 0, n),
		idle: make(chan struct{}, n), closed: make(chan struct{})}
	for i := range n {
		at := int64(i) * step
		r.slots[i] = region.Bytes()[at : at+int64(size) : at+int64(size)]
		r.push(i)
	}
	return r, nil
}

// Get waits for a buffer and returns it, all zero. It belongs to the caller until [Ring.Put].
// Errors: ctx's, [os.ErrClosed].
func (r *Ring) Get(ctx context.Context) ([]byte, error) {
	if r.region == nil {
		return nil, os.ErrClosed
	}
	select {
	case <-r.closed:
		return nil, os.ErrClosed
	default:
	}
	select {
	case <-r.closed:
		return nil, os.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.idle:
		i := r.pop()
		r.state[i].Store(out)
		return r.slots[i], nil
	}
}

func (r *Ring) push(i int) {
	r.mu.Lock()
	r.free = append(r.free, i)
	r.mu.Unlock()
	r.idle <- struct{}{}
}

// pop is for who took from idle: there is one.
func (r *Ring) pop() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	return i
}

// Put clears a buffer that Get returned and gives it back. It may have been cut at its end. A buffer that is not out of this
// ring is an error, and nothing is done.
func (r *Ring) Put(b []byte) error {
	if cap(b) == 0 {
		return errNotOut
	}
	first := &b[:1][0]
	for i, slot := range r.slots {
		if first != &slot[0] {
			continue
		}
		if !r.state[i].CompareAndSwap(out, clearing) {
			return errNotOut
		}
		clear(slot)
		r.state[i].Store(inside)
		r.push(i)
		return nil
	}
	return errNotOut
}

// Facts says what the buffers are like.
func (r *Ring) Facts() Facts {
	if r.region == nil {
		return Facts{}
	}
	return r.region.Facts()
}

// Close frees the buffers. It refuses with an error while one is out: a device may still be reading it.
func (r *Ring) Close() error {
	if r.region == nil {
		return os.ErrClosed
	}
	taken := 0
	for range r.slots { // what Close holds nobody can get, and another Close neither
		select {
		case <-r.closed:
			return os.ErrClosed
		case <-r.idle:
			taken++
		default:
		}
	}
	if taken < len(r.slots) {
		for range taken {
			r.idle <- struct{}{}
		}
		return fmt.Errorf("memory: %d buffers of the ring are in use", len(r.slots)-taken)
	}
	close(r.closed)
	return r.region.Close()
}
