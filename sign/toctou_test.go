package sign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A hostileFS holds one file, and an attacker who writes to it just before the step-th system call.
type hostileFS struct {
	name  string
	data  []byte
	mode  fs.FileMode
	kind  readKind
	step  int // before which call to strike; 0 is the first
	calls int
	hit   bool // whether the attacker came to strike
	do    func(*hostileFS)
}

type readKind int

const (
	readerAt readKind = iota
	readerOnly
	fillsItself
	readKinds
)

func (h *hostileFS) tick() {
	if h.calls == h.step {
		h.hit = true
		h.do(h)
	}
	h.calls++
}

func (h *hostileFS) info() fs.FileInfo { return hostileInfo{h.name, int64(len(h.data)), h.mode} }

func (h *hostileFS) Lstat(string) (fs.FileInfo, error) { h.tick(); return h.info(), nil }
func (h *hostileFS) ReadLink(string) (string, error)   { return "", fs.ErrInvalid }
func (h *hostileFS) Open(name string) (fs.File, error) {
	if name != h.name {
		return nil, fs.ErrNotExist
	}
	h.tick()
	f := &hostileFile{h: h}
	switch h.kind {
	case readerAt:
		return hostileAt{f}, nil
	case fillsItself:
		return hostileFill{f}, nil
	}
	return f, nil
}

type hostileInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i hostileInfo) Name() string       { return i.name }
func (i hostileInfo) Size() int64        { return i.size }
func (i hostileInfo) Mode() fs.FileMode  { return i.mode }
func (i hostileInfo) ModTime() time.Time { return time.Time{} }
func (i hostileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i hostileInfo) Sys() any           { return nil }

type hostileFile struct {
	h   *hostileFS
	off int64
}

func (f *hostileFile) Stat() (fs.FileInfo, error) { f.h.tick(); return f.h.info(), nil }
func (f *hostileFile) Close() error               { return nil }
func (f *hostileFile) Read(b []byte) (int, error) {
	n, err := f.at(b[:min(len(b), 100<<10)], f.off)
	f.off += int64(n)
	return n, err
}

func (f *hostileFile) at(b []byte, off int64) (int, error) {
	f.h.tick()
	if off >= int64(len(f.h.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.h.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

type hostileAt struct{ *hostileFile }

func (f hostileAt) ReadAt(b []byte, off int64) (int, error) { return f.at(b, off) }

type hostileFill struct{ *hostileFile }

func (f hostileFill) ReadAllInto(_ context.Context, dst []byte, watermark func(int64)) error {
	for off := 0; off < len(dst); {
		n, err := f.at(dst[off:min(off+100<<10, len(dst))], int64(off))
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		off += n
		watermark(int64(off))
	}
	return nil
}

// attacks are what a writer of the storage does at one moment.
var attacks = map[string]func(*hostileFS){
	"swap":             func(h *hostileFS) { h.data = bytes.Repeat([]byte{'e'}, len(h.data)) },
	"swap for shorter": func(h *hostileFS) { h.data = []byte("evil") },
	"truncate":         func(h *hostileFS) { h.data = h.data[:len(h.data)/2] },
	"cut one byte":     func(h *hostileFS) { h.data = h.data[:len(h.data)-1] },
	"empty":            func(h *hostileFS) { h.data = nil },
	"append":           func(h *hostileFS) { h.data = append(bytes.Clone(h.data), '!') },
	"write at start":   func(h *hostileFS) { h.data = bytes.Clone(h.data); h.data[0] ^= 1 },
	"write at end":     func(h *hostileFS) { h.data = bytes.Clone(h.data); h.data[len(h.data)-1] ^= 1 },
	"become a pipe":    func(h *hostileFS) { h.mode |= fs.ModeNamedPipe },
}

// TestHostileStorage strikes with each attack before each call that is made of the source, for each way of reading. What
// comes back is either what was signed or nothing.
func TestHostileStorage(t *testing.T) {
	key := signtest.Key(t)
	content := []byte(noise(300 << 10))
	bundle := signPayload(t, key, statementOf(t, "m", []manifest.Resource{res("w", string(content))}))
	for attack, do := range attacks {
		for kind := range readKinds {
			t.Run(fmt.Sprintf("%s/%d", attack, kind), func(t *testing.T) {
				refusals, passes := 0, 0
				for step := 0; ; step++ {
					h := &hostileFS{name: "w", data: content, kind: kind, step: step, do: do}
					m := open(t, h, anyModel(key), sign.WithBundle(bundle))
					dst := bytes.Repeat([]byte{0xaa}, len(content)+8)
					n, err := m.ReadInto(t.Context(), "w", dst)
					switch {
					case err == nil && !bytes.Equal(dst[:n], content):
						t.Fatalf("step %d: unverified bytes returned", step)
					case err == nil:
						passes++
					case !bytes.Equal(dst, make([]byte, len(dst))):
						t.Fatalf("step %d: destination not cleared after %v", step, err)
					default:
						refusals++
						if _, complete := m.Loaded(); complete {
							t.Fatalf("step %d: counted as loaded", step)
						}
					}
					if !h.hit { // the attacker came too late: nothing else may have been refused
						if err != nil {
							t.Fatalf("step %d: %v without an attack", step, err)
						}
						break
					}
					for _, read := range []func(*sign.Model) ([]byte, error){readFile, readOpened, readOpenedAt} {
						h := &hostileFS{name: "w", data: content, kind: kind, step: step, do: do}
						got, err := read(open(t, h, anyModel(key), sign.WithBundle(bundle)))
						if err == nil && !bytes.Equal(got, content) || err != nil && len(got) > 0 {
							t.Fatalf("step %d: unverified bytes returned", step)
						}
					}
				}
				if refusals == 0 || passes == 0 {
					t.Errorf("%d refusals, %d passes: the attack proves nothing", refusals, passes)
				}
			})
		}
	}
}

// TestGrownFile: a file that grows after it was opened is refused, though its first bytes are the signed ones.
func TestGrownFile(t *testing.T) {
	key := signtest.Key(t)
	content := []byte(noise(300 << 10))
	bundle := signPayload(t, key, statementOf(t, "m", []manifest.Resource{res("w", string(content))}))
	const firstRead = 3 // after Lstat, Open and Stat
	for kind := range readKinds {
		h := &hostileFS{name: "w", data: content, kind: kind, step: firstRead, do: attacks["append"]}
		_, err := open(t, h, anyModel(key), sign.WithBundle(bundle)).ReadInto(t.Context(), "w", make([]byte, len(content)+8))
		if mm, ok := errors.AsType[*sign.MismatchError](err); !ok || !h.hit || mm.Got != nil {
			t.Errorf("ReadInto %d: %v", kind, err)
		}
		h = &hostileFS{name: "w", data: content, kind: kind, step: firstRead + 1, do: attacks["append"]} // Lstat once more, for the total
		if err := open(t, h, anyModel(key), sign.WithBundle(bundle)).VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMismatch) || !h.hit {
			t.Errorf("VerifyAll %d: %v", kind, err)
		}
	}
}

func readFile(m *sign.Model) ([]byte, error) { return m.ReadFile("w") }

func readOpened(m *sign.Model) ([]byte, error) {
	f, err := m.Open("w")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func readOpenedAt(m *sign.Model) ([]byte, error) {
	f, err := m.Open("w")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, fi.Size())
	_, err = f.(io.ReaderAt).ReadAt(b, 0)
	return b, err
}

// TestOpenedFileIsPrivate: what happens to the storage after Open does not reach the open file.
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
