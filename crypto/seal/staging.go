package seal

import "sync"

// worker is what one goroutine needs to open or seal segments without allocating. The nonce lives here because it would
// escape through the AEAD's interface.
type worker struct {
	nonce [nonceSize]byte
	in    []byte // private copy of the input: ciphertext on reading, plaintext on writing
	out   []byte // output where it does not go straight to its destination
}

// A workerPool keeps buffers for the next call, on the same file or another: fresh pages cost more than the cipher.
type workerPool struct{ pool sync.Pool }

func (p *workerPool) get() *worker {
	if w, ok := p.pool.Get().(*worker); ok {
		return w
	}
	return new(worker)
}

// put takes w back. Plaintext in it has been cleared by whoever put it there.
func (p *workerPool) put(w *worker) { p.pool.Put(w) }

// staging is a ring of plaintext buffers for pieces that are made out of order and passed on in order. It has as many as a
// [spread] lets pieces be ahead.
type staging [][]byte

func (s staging) take(piece, n int64) []byte {
	b := &s[piece%int64(len(s))]
	*b = grow(*b, n)
	return *b
}

func (s staging) get(piece int64) []byte { return s[piece%int64(len(s))] }

func (s staging) clear() {
	for _, b := range s {
		clear(b[:cap(b)])
	}
}

// grow returns b with length n, reusing its memory where it can. What it gives up is cleared: it may hold plaintext. The
// content is undefined.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		clear(b[:cap(b)])
		return make([]byte, n)
	}
	return b[:n]
}
