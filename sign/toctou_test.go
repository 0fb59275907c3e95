package sign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
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

func (i hostileInfo) Name() string       { return "w" }
func (i hostileInfo) Size() int64        { return i.size }
func (i hostileInfo) Mode() fs.FileMode  { return i.mode }
func (i hostileInfo) ModTime() time.Time { return time.Time{} }
func (i hostileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i hostileInfo) Sys() any           { return nil }

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

// ways are all ways out of a Model for the file "w". Each returns the bytes that it was given as good, also beside an error.
func ways() map[string]func(context.Context, *sign.Model) ([]byte, error) {
	opened := func(use func(f *sign.File, got []byte) ([]byte, error)) func(context.Context, *sign.Model) ([]byte, error) {
		return func(ctx context.Context, m *sign.Model) ([]byte, error) {
			f, err := m.OpenFile(ctx, "w")
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return use(f, make([]byte, testSize))
		}
	}
	return map[string]func(context.Context, *sign.Model) ([]byte, error){
		"ReadInto": func(ctx context.Context, m *sign.Model) ([]byte, error) {
			dst := bytes.Repeat([]byte{0xaa}, testSize+8)
			n, err := m.ReadInto(ctx, "w", dst)
			if err != nil && !bytes.Equal(dst, make([]byte, len(dst))) {
				return dst, err // not cleared
			}
			return dst[:n], err
		},
		"ReadFile": func(_ context.Context, m *sign.Model) ([]byte, error) { return m.ReadFile("w") },
		"Open": func(_ context.Context, m *sign.Model) ([]byte, error) {
			f, err := m.Open("w")
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return readAll(f)
		},
		"ReadAt": opened(func(f *sign.File, got []byte) ([]byte, error) {
			n, err := f.ReadAt(got, 0)
			return got[:n], err
		}),
		"ReadAt backwards": opened(func(f *sign.File, got []byte) ([]byte, error) {
			const piece = testChunk/2 + testChunk/4 // over the borders of chunks
			for end := len(got); end > 0; end -= piece {
				off := max(0, end-piece)
				if n, err := f.ReadAt(got[off:end], int64(off)); err != nil {
					return got[off:][:n], err
				}
			}
			return got, nil
		}),
		"ReadAt twice": opened(func(f *sign.File, got []byte) ([]byte, error) {
			if n, err := f.ReadAt(got, 0); err != nil {
				return got[:n], err
			}
			n, err := f.ReadAt(got, 0)
			return got[:n], err
		}),
		"open twice": func(ctx context.Context, m *sign.Model) ([]byte, error) {
			a, err := m.OpenFile(ctx, "w")
			if err != nil {
				return nil, err
			}
			defer a.Close()
			b, err := m.OpenFile(ctx, "w")
			if err != nil {
				return nil, err
			}
			defer b.Close()
			return readAll(b)
		},
		"Memfd": func(ctx context.Context, m *sign.Model) ([]byte, error) {
			f, err := m.Memfd(ctx, "w")
			if errors.Is(err, sign.ErrNoMemfd) { // not on this system: the same pass by another way
				return m.ReadFile("w")
			}
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return readAll(f)
		},
		"ProvisionalStream": func(ctx context.Context, m *sign.Model) ([]byte, error) {
			s, err := m.ProvisionalStream(ctx, "w")
			if err != nil {
				return nil, err
			}
			defer s.Abort()
			got := make([]byte, 0, testSize+1)
			for buf := make([]byte, 300<<10); ; {
				c, err := s.Next(ctx, buf)
				if err == io.EOF {
					break
				}
				if err != nil {
					return nil, err
				}
				got = append(got, c.Bytes...)
			}
			if c, err := s.Commit(); err != nil || c.Name() != "w" || c.Size() != int64(len(got)) {
				return nil, errors.Join(err, fmt.Errorf("%+v", c))
			}
			return got, nil
		},
		"VerifyAll": func(ctx context.Context, m *sign.Model) ([]byte, error) { return nil, m.VerifyAll(ctx, nil) },
		"Verify":    func(ctx context.Context, m *sign.Model) ([]byte, error) { return nil, m.Verify(ctx, nil, "w") },
	}
}

// readAll reads to the end in pieces that are none of the package's.
func readAll(r io.Reader) ([]byte, error) {
	got := make([]byte, 0, testSize+1)
	for {
		n, err := r.Read(got[len(got):min(len(got)+200<<10, cap(got))])
		got = got[:len(got)+n]
		if err == io.EOF {
			return got, nil
		}
		if err != nil || len(got) == cap(got) {
			return got, err
		}
	}
}

// releases says whether a way hands out the bytes of the file, counts whether the file then is loaded.
func releases(way string) bool { return way != "VerifyAll" && way != "Verify" }
func counts(way string) bool   { return releases(way) && way != "ReadAt backwards" }

// A fixture is content of three chunks and its signatures.
type fixture struct {
	content       []byte
	files, shards []byte // bundles
	policy        sign.Policy
}

func newFixture(t testing.TB) fixture {
	key, content := signtest.Key(t), noise(testSize)
	shards, _, err := sign.Sign(t.Context(), fstest.MapFS{"w": {Data: []byte(content)}}, key, sign.SignOptions{ShardSize: testChunk - 5000})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{
		content: []byte(content), policy: anyModel(key), shards: shards,
		files: signPayload(t, key, statementOf(t, "m", []manifest.Resource{res("w", content)})),
	}
}

// judge holds what a way returned against the one law: what is given as good is what was signed.
func judge(t *testing.T, at string, h *hostileFS, m *sign.Model, way string, got []byte, err error) {
	t.Helper()
	_, complete := m.Loaded()
	switch {
	case err == nil && h.lied:
		t.Fatalf("%s: altered bytes were read and nothing was said", at)
	case err == nil && releases(way) && !bytes.Equal(got, h.good):
		t.Fatalf("%s: unverified bytes returned", at)
	case err == nil && complete != counts(way):
		t.Fatalf("%s: counted as loaded: %v", at, complete)
	case err != nil && complete && way != "ReadAt twice": // which read it once
		t.Fatalf("%s: counted as loaded in spite of %v", at, err)
	case err != nil && !bytes.Contains(h.good, got):
		t.Fatalf("%s: unverified bytes returned beside %v", at, err)
	case err != nil && !h.hit:
		t.Fatalf("%s: %v without an attack", at, err)
	}
	if err != nil && !errors.Is(err, sign.ErrMismatch) && !errors.Is(err, sign.ErrMissing) && !errors.Is(err, sign.ErrNotRegular) &&
		!errors.Is(err, io.ErrShortBuffer) && !(h.kind == fillsItself && errors.Is(err, io.ErrUnexpectedEOF)) {
		t.Fatalf("%s: untyped error %v", at, err)
	}
}

// TestHostileStorage strikes with each attack before each call that is made of the source, for each way out of a Model and
// each kind of source and signature. What comes back is either what was signed or nothing.
func TestHostileStorage(t *testing.T) {
	f := newFixture(t)
	attacks := attacks(f.content)
	for _, c := range []struct {
		name    string
		kind    readKind
		bundle  []byte
		workers int
	}{
		{"file", readerAt, f.files, 1},
		{"shards", readerAt, f.shards, 1},
		{"shards, several workers", readerAt, f.shards, 3},
		{"file in order", readerOnly, f.files, 1},
		{"shards in order", readerOnly, f.shards, 1},
		{"file that fills itself", fillsItself, f.files, 1},
		{"shards that fill themselves", fillsItself, f.shards, 1},
	} {
		for way, read := range ways() {
			if c.kind != readerAt && (testing.Short() || raceDetector || strings.HasPrefix(way, "ReadAt") || way == "open twice" || way == "Verify") {
				continue // held in memory: the same as Open, and as VerifyAll
			}
			if c.workers > 1 && way != "ReadInto" && way != "ReadFile" && way != "VerifyAll" {
				continue // one worker by nature
			}
			t.Run(c.name+"/"+way, func(t *testing.T) {
				t.Parallel()
				for attack, strike := range attacks {
					if raceDetector && strings.HasPrefix(attack, "write") {
						continue // as "swap content", to the detector
					}
					refusals, passes := 0, 0
					for step, struck := 0, true; struck; step++ {
						h := newHostile(f.content, c.kind, step, strike)
						m := open(t, h, f.policy, sign.WithBundle(c.bundle), sign.WithWorkers(c.workers), sign.WithCache(testChunk))
						got, err := read(t.Context(), m)
						judge(t, fmt.Sprintf("%s, step %d", attack, step), h, m, way, got, err)
						if struck = h.hit; err == nil {
							passes++
						} else {
							refusals++
						}
					}
					if refusals == 0 || passes == 0 {
						t.Errorf("%s: %d refusals, %d passes: the attack proves nothing", attack, refusals, passes)
					}
				}
			})
		}
	}
}

// TestHostileAndBack undoes the attack later, at each later call: what was read between must not count.
func TestHostileAndBack(t *testing.T) {
	f := newFixture(t)
	all := attacks(f.content)
	for _, attack := range []string{"swap content", "write in chunk 1", "truncate", "exchange chunks", "relink"} {
		if raceDetector && attack != "truncate" {
			continue
		}
		for way, read := range ways() {
			t.Run(attack+"/"+way, func(t *testing.T) {
				t.Parallel()
				refusals := 0
				for _, bundle := range [][]byte{f.files, f.shards} {
					for step, struck := 0, true; struck; step++ {
						for undo, undone := step+1, true; undone && struck; undo++ {
							h := newHostile(f.content, readerAt, step, all[attack])
							h.undo = undo
							m := open(t, h, f.policy, sign.WithBundle(bundle), sign.WithWorkers(1))
							got, err := read(t.Context(), m)
							judge(t, fmt.Sprintf("step %d to %d", step, undo), h, m, way, got, err)
							if err != nil {
								refusals++
							}
							struck, undone = h.hit, h.calls > undo
						}
					}
				}
				if refusals == 0 {
					t.Error("the attack proves nothing")
				}
			})
		}
	}
}

// TestGrownFile: a file that grows after it was opened is refused, though its first bytes are the signed ones.
func TestGrownFile(t *testing.T) {
	f := newFixture(t)
	const firstRead = 3 // after Lstat, Open and Stat
	for kind := range fillsItself + 1 {
		h := newHostile(f.content, kind, firstRead, attacks(f.content)["append"])
		_, err := open(t, h, f.policy, sign.WithBundle(f.files)).ReadInto(t.Context(), "w", make([]byte, len(f.content)+8))
		if mm, ok := errors.AsType[*sign.MismatchError](err); !ok || !h.hit || mm.Got != nil {
			t.Errorf("ReadInto %d: %v", kind, err)
		}
		h = newHostile(f.content, kind, firstRead+1, attacks(f.content)["append"]) // Lstat once more, for the total
		if err := open(t, h, f.policy, sign.WithBundle(f.files)).VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMismatch) || !h.hit {
			t.Errorf("VerifyAll %d: %v", kind, err)
		}
	}
}

// TestOpenedFileIsPrivate: what happens to the storage after Open does not reach a small open file.
func TestOpenedFileIsPrivate(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, signtest.Files(map[string]string{"w": "good"}), key)
	m := open(t, src, anyModel(key))
	f, err := m.Open("w")
	if err != nil {
		t.Fatal(err)
	}
	copy(src["w"].Data, "evil")
	if got, err := io.ReadAll(f); err != nil || string(got) != "good" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := m.ReadFile("w"); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("a new read: %v", err)
	}
}
