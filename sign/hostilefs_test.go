package sign_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"
)

const (
	testChunk = 256 << 10            // as the package reads
	testSize  = 2*testChunk + 10_000 // three chunks
)

// An inode is a file; a name that is linked to another inode does not change what is open already.
type inode struct {
	data []byte
	mode fs.FileMode
}

// A hostileFS holds one file, and an attacker who writes to it just before the step-th call that is made of it.
type hostileFS struct {
	kind   readKind
	step   int // before which call to strike; 0 is the first
	undo   int // before which call to restore everything, or 0
	strike func(*hostileFS)

	mu    sync.Mutex
	good  []byte
	node  *inode // of the name "w"; nil: it does not exist
	calls int
	hit   bool // whether the attacker came to strike
	lied  bool // whether bytes were handed out that are not the signed ones
}

type readKind int

const (
	readerAt readKind = iota
	readerOnly
	fillsItself
)

func newHostile(content []byte, kind readKind, step int, strike func(*hostileFS)) *hostileFS {
	return &hostileFS{kind: kind, step: step, strike: strike, good: content, node: &inode{data: content}}
}

// tick is where the attacker comes in. The caller holds h.mu.
func (h *hostileFS) tick() {
	if h.undo > 0 && h.calls == h.undo {
		h.node = &inode{data: h.good}
	}
	if h.calls == h.step {
		h.hit = true
		h.strike(h)
	}
	h.calls++
}

func (h *hostileFS) Lstat(string) (fs.FileInfo, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tick()
	if h.node == nil {
		return nil, fs.ErrNotExist
	}
	return info(h.node), nil
}

func (h *hostileFS) ReadLink(string) (string, error) { return "", fs.ErrInvalid }

func (h *hostileFS) Open(name string) (fs.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name != "w" {
		return nil, fs.ErrNotExist
	}
	h.tick()
	if h.node == nil {
		return nil, fs.ErrNotExist
	}
	f := &hostileFile{h: h, node: h.node}
	switch h.kind {
	case readerAt:
		return hostileAt{f}, nil
	case fillsItself:
		return hostileFill{f}, nil
	}
	return f, nil
}

func info(n *inode) fs.FileInfo { return hostileInfo{int64(len(n.data)), n.mode} }

type hostileInfo struct {
	size int64
	mode fs.FileMode
}

func (i hostileInfo) Name() string { return "w" }

func (i hostileInfo) Size() int64 { return i.size }

func (i hostileInfo) Mode() fs.FileMode { return i.mode }

func (i hostileInfo) ModTime() time.Time { return time.Time{} }

func (i hostileInfo) IsDir() bool { return i.mode.IsDir() }

func (i hostileInfo) Sys() any { return nil }

type hostileFile struct {
	h    *hostileFS
	node *inode
	off  int64
}

func (f *hostileFile) Stat() (fs.FileInfo, error) {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	f.h.tick()
	return info(f.node), nil
}

func (f *hostileFile) Close() error { return nil }

func (f *hostileFile) Read(b []byte) (int, error) {
	n, err := f.at(b[:min(len(b), 200<<10)], f.off)
	f.off += int64(n)
	return n, err
}

func (f *hostileFile) at(b []byte, off int64) (n int, err error) {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	f.h.tick()
	if off < int64(len(f.node.data)) {
		n = copy(b, f.node.data[off:])
	}
	if good := f.h.good; off+int64(n) > int64(len(good)) || !bytes.Equal(b[:n], good[off:][:n]) {
		f.h.lied = true
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

type hostileAt struct{ *hostileFile }

func (f hostileAt) ReadAt(b []byte, off int64) (int, error) { return f.at(b, off) }

type hostileFill struct{ *hostileFile }

func (f hostileFill) ReadAllInto(_ context.Context, dst []byte, watermark func(contiguous int64)) error {
	for off := 0; off < len(dst); {
		n, err := f.at(dst[off:min(off+200<<10, len(dst))], int64(off))
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		off += n
		watermark(int64(off))
	}
	return nil
}

// attacks are what a writer of the storage does at one moment: to a file of this content in place, or to its name.
func attacks(content []byte) map[string]func(*hostileFS) {
	inPlace := func(change func(b []byte) []byte) func(*hostileFS) {
		altered := change(bytes.Clone(content))
		return func(h *hostileFS) {
			if h.node != nil {
				h.node.data = altered
			}
		}
	}
	relink := func(n *inode) func(*hostileFS) { return func(h *hostileFS) { h.node = n } }
	flip := func(at int) func(*hostileFS) { return inPlace(func(b []byte) []byte { b[at] ^= 1; return b }) }
	evil := bytes.Repeat([]byte{'e'}, testSize)
	out := map[string]func(*hostileFS){
		"swap content":         inPlace(func(b []byte) []byte { return evil }),
		"swap for shorter":     inPlace(func(b []byte) []byte { return []byte("evil") }),
		"truncate":             inPlace(func(b []byte) []byte { return b[:len(b)/2] }),
		"truncate to one less": inPlace(func(b []byte) []byte { return b[:len(b)-1] }),
		"truncate by a chunk":  inPlace(func(b []byte) []byte { return b[:2*testChunk] }),
		"empty":                inPlace(func(b []byte) []byte { return nil }),
		"append":               inPlace(func(b []byte) []byte { return append(b, '!') }),
		"append a chunk":       inPlace(func(b []byte) []byte { return append(b, b[:testChunk]...) }),
		"exchange chunks":      inPlace(func(b []byte) []byte { return slices.Concat(b[testChunk:2*testChunk], b[:testChunk], b[2*testChunk:]) }),
		"repeat a chunk":       inPlace(func(b []byte) []byte { return slices.Concat(b[:testChunk], b[:testChunk], b[2*testChunk:]) }),
		"relink":               relink(&inode{data: evil}),
		"relink to longer":     relink(&inode{data: append(bytes.Clone(evil), '!')}),
		"become a pipe":        relink(&inode{mode: fs.ModeNamedPipe}),
		"become a link":        relink(&inode{data: evil, mode: fs.ModeSymlink}),
		"rename":               relink(nil),
	}
	for chunk := range 3 {
		out[fmt.Sprintf("write in chunk %d", chunk)] = flip(chunk*testChunk + 1000)
		out[fmt.Sprintf("write at the end of chunk %d", chunk)] = flip(min((chunk+1)*testChunk, testSize) - 1)
	}
	return out
}
