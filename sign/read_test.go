package sign_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A recorder is a tap that keeps what it saw and refuses on request.
type recorder struct {
	bytes.Buffer
	failWrite, failFinish error
	finished              int
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.failWrite != nil {
		return 0, r.failWrite
	}
	return r.Buffer.Write(b)
}
func (r *recorder) Finish() error { r.finished++; return r.failFinish }

func TestTaps(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	errWrite, errFinish, errMake := errors.New("write"), errors.New("finish"), errors.New("make")
	for name, c := range map[string]struct {
		a, b     recorder
		make     error
		want     error
		tampered bool
	}{
		"pass":                 {},
		"write refuses":        {b: recorder{failWrite: errWrite}, want: errWrite},
		"finish refuses":       {b: recorder{failFinish: errFinish}, want: errFinish},
		"make refuses":         {make: errMake, want: errMake},
		"altered bytes":        {tampered: true, want: sign.ErrMismatch},
		"altered and refusing": {a: recorder{failWrite: errWrite}, tampered: true, want: sign.ErrMismatch},
	} {
		for way, read := range map[string]func(*sign.Model, []byte) error{
			"ReadInto": func(m *sign.Model, dst []byte) error {
				_, err := m.ReadInto(t.Context(), "model.safetensors", dst)
				return err
			},
			"ReadFile": func(m *sign.Model, dst []byte) error {
				b, err := m.ReadFile("model.safetensors")
				copy(dst, b)
				return err
			},
			"Open": func(m *sign.Model, dst []byte) error { _, err := m.Open("model.safetensors"); return err },
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				taps, asked, files := []*recorder{{failWrite: c.a.failWrite, failFinish: c.a.failFinish}, {failWrite: c.b.failWrite, failFinish: c.b.failFinish}}, 0, src
				if c.tampered {
					files = signtest.Tamper(src, "model.safetensors")[0].FS
				}
				tap := func(i int) sign.Option {
					return sign.WithTap(func(name string, size int64) (sign.Tap, error) {
						if asked++; name != "model.safetensors" || size != large {
							t.Errorf("asked for %q, %d bytes", name, size)
						}
						return taps[i], c.make
					})
				}
				none := sign.WithTap(func(string, int64) (sign.Tap, error) { return nil, nil })
				m := open(t, files, anyModel(key), tap(0), none, tap(1))
				dst := make([]byte, large)
				err := read(m, dst)
				if !errors.Is(err, c.want) || c.want != nil && c.want != sign.ErrMismatch && !errors.Is(err, sign.ErrTap) {
					t.Fatalf("%v, want %v", err, c.want)
				}
				if c.want != nil {
					if !bytes.Equal(dst, make([]byte, large)) {
						t.Error("not cleared")
					}
					if c.want != errFinish && taps[0].finished+taps[1].finished != 0 {
						t.Error("finished though refused")
					}
					return
				}
				for _, r := range taps {
					if !bytes.Equal(r.Bytes(), src["model.safetensors"].Data) || r.finished != 1 {
						t.Errorf("tap saw %d bytes, finished %d times", r.Len(), r.finished)
					}
				}
				if asked != 2 {
					t.Errorf("asked %d times", asked)
				}
			})
		}
	}
}

// A fillFS hands out files that fill the destination themselves, as the script says.
type fillFS struct {
	fstest.MapFS
	fill func(data, dst []byte, watermark func(int64)) error
}

type fillFile struct {
	fs.File
	data []byte
	fill func(data, dst []byte, watermark func(int64)) error
}

func (f fillFS) Open(name string) (fs.File, error) {
	file, err := f.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	return fillFile{file, f.MapFS[name].Data, f.fill}, nil
}

func (f fillFile) ReadAllInto(_ context.Context, dst []byte, watermark func(int64)) error {
	return f.fill(f.data, dst, watermark)
}

func TestReadAllInto(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	errSource := errors.New("source")
	type mark = func(int64)
	for name, c := range map[string]struct {
		fill func(data, dst []byte, m mark) error
		ok   bool
	}{
		"in order": {func(data, dst []byte, m mark) error {
			for i := range dst {
				if dst[i] = data[i]; i%1000 == 0 {
					m(int64(i + 1))
				}
			}
			m(int64(len(dst)))
			return nil
		}, true},
		"at once":         {func(data, dst []byte, m mark) error { copy(dst, data); m(int64(len(dst))); return nil }, true},
		"without marks":   {func(data, dst []byte, m mark) error { copy(dst, data); return nil }, true},
		"repeated mark":   {func(data, dst []byte, m mark) error { copy(dst, data); m(9); m(9); m(int64(len(dst))); return nil }, true},
		"nothing filled":  {func(data, dst []byte, m mark) error { m(int64(len(dst))); return nil }, false},
		"mark beyond":     {func(data, dst []byte, m mark) error { copy(dst, data); m(int64(len(dst)) + 1); return nil }, false},
		"mark backwards":  {func(data, dst []byte, m mark) error { copy(dst, data); m(100); m(99); return nil }, false},
		"mark negative":   {func(data, dst []byte, m mark) error { copy(dst, data); m(-1); return nil }, false},
		"mark too early":  {func(data, dst []byte, m mark) error { m(int64(len(dst))); copy(dst, data); return nil }, false},
		"error after all": {func(data, dst []byte, m mark) error { copy(dst, data); m(int64(len(dst))); return errSource }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var tap recorder
			m := open(t, src, anyModel(key)) // the twin reads holdfast.json plainly
			if _, err := m.ReadFile("holdfast.json"); err != nil {
				t.Fatal(err)
			}
			files := fillFS{fstest.MapFS{"model.safetensors": src["model.safetensors"]}, c.fill}
			b := signPayload(t, key, statementOf(t, "m", []manifest.Resource{res("model.safetensors", string(src["model.safetensors"].Data))}))
			m = open(t, files, anyModel(key), sign.WithBundle(b), sign.WithTap(func(string, int64) (sign.Tap, error) { return &tap, nil }))
			dst := bytes.Repeat([]byte{0xaa}, large+1)
			n, err := m.ReadInto(t.Context(), "model.safetensors", dst)
			switch {
			case c.ok != (err == nil):
				t.Fatal(err)
			case !c.ok && (!bytes.Equal(dst, make([]byte, len(dst))) || tap.finished != 0):
				t.Error("not cleared or finished")
			case c.ok && (n != large || !bytes.Equal(dst[:n], src["model.safetensors"].Data) || !bytes.Equal(tap.Bytes(), dst[:n])):
				t.Error("wrong bytes")
			case name == "error after all" && !errors.Is(err, errSource):
				t.Error(err)
			}
		})
	}
}

func TestLoaded(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, signtest.Files(map[string]string{"b": "bb", "a": "aaaa", "empty": ""}), key)
	m := open(t, src, anyModel(key))
	expect := func(what string, complete bool, names ...string) {
		t.Helper()
		tr := transcript.New("holdfast/loaded/v1").Uint64(uint64(len(names)))
		for _, n := range names {
			d := sha256.Sum256(src[n].Data)
			tr.String(n).Bytes(d[:])
		}
		if got, c := m.Loaded(); got != tr.SHA256() || c != complete {
			t.Errorf("%s: loaded is not %q (complete %v)", what, names, c)
		}
	}
	expect("nothing", false)
	if err := m.VerifyAll(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	expect("VerifyAll", false)
	f, err := m.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	at := f.(io.ReaderAt)
	buf := make([]byte, 2)
	at.ReadAt(buf, 2)
	expect("the end alone", false)
	f.Read(buf)
	expect("the start", false)
	at.ReadAt(buf, 1)
	expect("overlapping", false)
	at.ReadAt(buf[:1], 3)
	expect("to the end", false, "a")
	if _, err := m.ReadInto(t.Context(), "b", make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	expect("ReadInto", false, "a", "b")
	if _, err := m.ReadFile("empty"); err != nil {
		t.Fatal(err)
	}
	expect("ReadFile", true, "a", "b", "empty")
}

// TestLoadedVector holds the digest against docs/vectors.
func TestLoadedVector(t *testing.T) {
	var doc struct {
		Vectors []struct {
			Kind string
			Out  struct{ Loaded string }
		}
	}
	if err := json.Unmarshal(read(t, filepath.Join(testkit.Root(t), "docs", "vectors", "model.json")), &doc); err != nil {
		t.Fatal(err)
	}
	key := signtest.Key(t)
	m := open(t, signtest.Sign(t, sample(), key), anyModel(key))
	for _, name := range []string{"a-b", "a/b"} { // "2" and "1", as in the vector
		if _, err := m.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	checked := 0
	for _, v := range doc.Vectors {
		if v.Kind == "loaded" {
			checked++
			if got, _ := m.Loaded(); hexOf(got[:]) != v.Out.Loaded {
				t.Errorf("%x, want %s", got, v.Out.Loaded)
			}
		}
	}
	if checked != 1 {
		t.Errorf("%d vectors", checked)
	}
}

// TestReadIntoAllocations: a longer file costs no more allocations.
func TestReadIntoAllocations(t *testing.T) {
	key := signtest.Key(t)
	allocs := map[int]float64{}
	for _, size := range []int{1, 8 << 20} {
		src := signtest.Sign(t, signtest.Files(map[string]string{"w": noise(size)}), key)
		m := open(t, src, anyModel(key))
		dst := make([]byte, size)
		allocs[size] = testing.AllocsPerRun(5, func() {
			if _, err := m.ReadInto(t.Context(), "w", dst); err != nil {
				t.Fatal(err)
			}
		})
	}
	if allocs[1] != allocs[8<<20] {
		t.Errorf("allocations grow with the size: %v", allocs)
	}
}

func TestSeek(t *testing.T) {
	key := signtest.Key(t)
	m := open(t, signtest.Sign(t, signtest.Files(map[string]string{"w": "0123456789"}), key), anyModel(key))
	file, err := m.Open("w")
	if err != nil {
		t.Fatal(err)
	}
	f := file.(io.ReadSeeker)
	for _, c := range []struct {
		off    int64
		whence int
		want   string
	}{{3, io.SeekStart, "3456789"}, {-2, io.SeekEnd, "89"}, {20, io.SeekStart, ""}} {
		if _, err := f.Seek(c.off, c.whence); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(f); err != nil || string(got) != c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	if _, err := f.Seek(-1, io.SeekStart); err == nil {
		t.Error("negative offset")
	}
	file.Close()
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// BenchmarkReadInto compares with hashing and copying the same bytes.
func BenchmarkReadInto(b *testing.B) {
	const size = 16 << 20
	key := signtest.Key(b)
	src := signtest.Sign(b, signtest.Files(map[string]string{"w": noise(size)}), key)
	m, data, dst := open(b, src, anyModel(key)), src["w"].Data, make([]byte, size)
	b.Run(fmt.Sprintf("hash+copy/%dMiB", size>>20), func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			copy(dst, data)
			sha256.Sum256(dst)
		}
	})
	b.Run(fmt.Sprintf("ReadInto/%dMiB", size>>20), func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.ReadInto(b.Context(), "w", dst); err != nil {
				b.Fatal(err)
			}
		}
	})
}
