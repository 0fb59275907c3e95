package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// A hostileFS is a sealed directory, and an attacker who writes to it just before the step-th call that is made of it.
type hostileFS struct {
	fstest.MapFS
	step  int // before which call to strike; 0 is the first
	calls int
	hit   bool // whether the attacker came to strike
	do    func(fstest.MapFS)
}

func (h *hostileFS) tick() {
	if h.calls == h.step {
		h.hit = true
		h.do(h.MapFS)
	}
	h.calls++
}

func (h *hostileFS) Stat(name string) (fs.FileInfo, error) { h.tick(); return h.MapFS.Stat(name) }
func (h *hostileFS) Open(name string) (fs.File, error) {
	h.tick()
	f, err := h.MapFS.Open(name)
	if _, ok := f.(fs.ReadDirFile); ok || err != nil {
		return f, err
	}
	return &hostileFile{h: h, name: name}, nil
}

// hostileFile reads what is in the directory at the time of each call, as an open file does that others write to.
type hostileFile struct {
	h    *hostileFS
	name string
	off  int64
}

func (f *hostileFile) data() []byte {
	if e := f.h.MapFS[f.name]; e != nil {
		return e.Data
	}
	return nil
}
func (f *hostileFile) Stat() (fs.FileInfo, error) { return f.h.Stat(f.name) }
func (f *hostileFile) Close() error               { return nil }
func (f *hostileFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *hostileFile) ReadAt(p []byte, off int64) (int, error) {
	f.h.tick()
	return bytes.NewReader(f.data()).ReadAt(p, off)
}

// waysToRead are the entrances of an open file. Each returns the plaintext or nothing.
var waysToRead = map[string]func(ctx context.Context, f *seal.FS, name string) ([]byte, error){
	"ReadFile": func(_ context.Context, f *seal.FS, name string) ([]byte, error) { return f.ReadFile(name) },
	"Read": func(_ context.Context, f *seal.FS, name string) ([]byte, error) {
		file, err := f.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return io.ReadAll(struct{ io.Reader }{file})
	},
	"ReadAt": func(_ context.Context, f *seal.FS, name string) ([]byte, error) {
		file, err := f.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		fi, err := file.Stat()
		if err != nil {
			return nil, err
		}
		b := make([]byte, fi.Size())
		for off := 0; off < len(b); off += 999 {
			if _, err := file.(io.ReaderAt).ReadAt(b[off:min(off+999, len(b))], int64(off)); err != nil {
				return nil, err
			}
		}
		return b, nil
	},
	"CopyTo": func(ctx context.Context, f *seal.FS, name string) ([]byte, error) {
		file, err := f.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		var b bytes.Buffer
		_, err = file.(*seal.File).CopyTo(ctx, &b)
		return b.Bytes(), err
	},
	"ProvisionalStream": func(ctx context.Context, f *seal.FS, name string) ([]byte, error) {
		file, err := f.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		var s sink
		if err := file.(*seal.File).ProvisionalStream(ctx, &s); err != nil || s.commits != 1 {
			return nil, err
		}
		return s.b, nil
	},
}

// TestHostileStorage strikes with each attack before each call that is made of the storage, for each way of reading. What
// comes back is what was sealed or nothing.
func TestHostileStorage(t *testing.T) {
	h := newKeyset(t, 256)
	plain := pattern("new", 1000)
	load := func(seed []byte, hide bool) fstest.MapFS {
		dir, _ := sealModel(t, h, fstest.MapFS{"w": {Data: seed}}, seal.Options{HideNames: hide, Workers: 1})
		out := fstest.MapFS{}
		err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(dir, p)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(p)
			out[filepath.ToSlash(rel)] = &fstest.MapFile{Data: b}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, hide := range []bool{false, true} {
		good, old := load(plain, hide), load(pattern("old", 1000), hide)
		for file := range good {
			attacks := map[string]func(b []byte) []byte{
				"older version":  func([]byte) []byte { return old[file].Data },
				"truncate":       func(b []byte) []byte { return b[:len(b)/2] },
				"cut one byte":   func(b []byte) []byte { return b[:len(b)-1] },
				"empty":          func([]byte) []byte { return nil },
				"append":         func(b []byte) []byte { return append(bytes.Clone(b), '!') },
				"write at start": func(b []byte) []byte { b = bytes.Clone(b); b[0] ^= 1; return b },
				"write in the middle": func(b []byte) []byte {
					b = bytes.Clone(b)
					b[len(b)/2] ^= 1
					return b
				},
				"write at end":  func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b },
				"become a pipe": nil,
				"vanish":        nil,
			}
			for attack, change := range attacks {
				t.Run(fmt.Sprintf("hidden %v/%s/%s", hide, filepath.Base(file), attack), func(t *testing.T) {
					do := func(m fstest.MapFS) {
						e := *m[file]
						switch attack {
						case "become a pipe":
							e.Mode |= fs.ModeNamedPipe
						case "vanish":
							delete(m, file)
							return
						default:
							e.Data = change(e.Data)
						}
						m[file] = &e
					}
					strikeEverywhere(t, good, h, plain, do)
				})
			}
		}
	}
}

func strikeEverywhere(t *testing.T, good fstest.MapFS, h *keyset.Handle, plain []byte, do func(fstest.MapFS)) {
	t.Helper()
	for way, read := range waysToRead {
		refusals, passes := 0, 0
		for step := 0; ; step++ {
			m := fstest.MapFS{}
			maps.Copy(m, good)
			src := &hostileFS{MapFS: m, step: step, do: do}
			var got []byte
			f, err := seal.OpenFS(t.Context(), src, fixed(h), seal.WithWorkers(1))
			if err == nil {
				got, err = read(t.Context(), f, "w")
				f.Close()
			}
			switch {
			case err == nil && !bytes.Equal(got, plain):
				t.Fatalf("%s, step %d: %d wrong bytes", way, step, len(got))
			case err == nil:
				passes++
			default:
				refusals++
				if way == "ReadFile" && !bytes.Equal(got, make([]byte, len(got))) {
					t.Fatalf("%s, step %d: plaintext with %v", way, step, err)
				}
				if !bytes.HasPrefix(plain, got) && !bytes.Equal(got, make([]byte, len(got))) {
					t.Fatalf("%s, step %d: wrong bytes before %v", way, step, err)
				}
			}
			if !src.hit { // the attacker came too late: nothing else may have been refused
				if err != nil {
					t.Fatalf("%s, step %d: %v without an attack", way, step, err)
				}
				break
			}
		}
		if refusals == 0 || passes == 0 {
			t.Errorf("%s: %d refusals, %d passes: the attack proves nothing", way, refusals, passes)
		}
	}
}

// TestRacingWriter flips bits of a file on disk as fast as it can while it is read. AES-GCM reads its input twice, so that
// in memory both sides share some tags would be right and the plaintext wrong; here every read is right or refused.
func TestRacingWriter(t *testing.T) {
	h := newKeyset(t, 64<<10)
	plain := pattern("p", 1<<20)
	file := newTempFile(t)
	if _, err := file.Write(sealBytes(t, h, nil, plain)); err != nil {
		t.Fatal(err)
	}
	size, err := seal.SealedSize(h, int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		var b [1]byte
		at := func(i int64) int64 { return 40 + (i*7919)%(size-40) }
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			for range 2 { // there and back
				if _, err := file.ReadAt(b[:], at(i)); err != nil {
					done <- err
					return
				}
				b[0] ^= 1
				if _, err := file.WriteAt(b[:], at(i)); err != nil {
					done <- err
					return
				}
			}
			if i%64 == 0 {
				time.Sleep(time.Millisecond) // so that some reads succeed
			}
		}
	}()
	right, refused := 0, 0
	dst := make([]byte, len(plain))
	for start := time.Now(); time.Since(start) < 10*time.Second && (right < 20 || refused < 20); {
		r, err := seal.NewReaderAt(file, size, h, nil)
		if err == nil {
			if right%2 == 0 {
				err = r.ReadAllInto(t.Context(), dst, nil)
			} else {
				_, err = r.ReadAt(dst, 0)
			}
		}
		switch {
		case err == nil && bytes.Equal(dst, plain):
			right++
		case err == nil:
			t.Fatal("wrong plaintext")
		case errors.Is(err, seal.ErrAuth):
			refused++
		default:
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if right == 0 || refused == 0 {
		t.Logf("%d right, %d refused: no race was seen", right, refused)
	}
}
