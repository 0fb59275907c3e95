package holdfast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/memory"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// inMemory makes the directory, or skips where the system has no file system in memory.
func inMemory(t *testing.T, c *holdfast.Chain, o memory.DirOptions) *memory.Dir {
	t.Helper()
	d, err := c.Dir(t.Context(), o)
	if errors.Is(err, memory.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// handed runs a program that knows paths alone, with all that this system can enforce around it, and returns its output.
func handed(t *testing.T, e memory.Engine) string {
	t.Helper()
	var out bytes.Buffer
	e.Stdout, e.Stderr = &out, os.Stderr
	p, err := e.Start(t.Context())
	if unenforced, ok := errors.AsType[*memory.UnenforcedError](err); ok {
		t.Logf("not enforced here: %v", unenforced.Missing)
		e.InsecureWithout = unenforced.Missing
		p, err = e.Start(t.Context())
	}
	if errors.Is(err, memory.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestOutlets hands a sealed model to a child as a file and as a directory; what the child reads is what was signed, and counts
// as loaded.
func TestOutlets(t *testing.T) {
	key := signtest.Key(t)
	sealed, h := sealDir(t, publish(t, key, contents(7)), modelName, 7)
	cfg := config(key, sealed)
	cfg.Key = held{h: h}

	t.Run("memfd", func(t *testing.T) {
		c := open(t, cfg)
		f, err := c.Memfd(t.Context(), weights)
		if errors.Is(err, sign.ErrNoMemfd) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := handed(t, memory.Engine{Path: "/bin/cat", Args: []string{memory.FilePath(0)}, Files: []*os.File{f}}); got != contents(7)[weights] {
			t.Errorf("the child read %d bytes", len(got))
		}
		if _, err := c.Handler(t.Context(), newAnswer()); err != nil {
			t.Error(err)
		}
	})
	t.Run("dir", func(t *testing.T) {
		c := open(t, cfg)
		d := inMemory(t, c, memory.DirOptions{Mount: memory.Try})
		for name, content := range contents(7) {
			p := filepath.Join(d.Path(), name)
			if got := handed(t, memory.Engine{Path: "/bin/cat", Args: []string{p}, Dirs: []*memory.Dir{d}}); got != content {
				t.Errorf("%s: the child read %d bytes", name, len(got))
			}
		}
		if _, whole := c.Model().Loaded(); !whole {
			t.Error("not all of it counts as loaded")
		}
		h, err := c.Handler(t.Context(), newAnswer())
		if err != nil {
			t.Fatal(err)
		}
		httptest.NewServer(h).Close()
		path := d.Path()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestOutletsRefuse changes one thing of the model: nothing comes out, and nothing stays.
func TestOutletsRefuse(t *testing.T) {
	key := signtest.Key(t)
	good := publish(t, key, contents(7))
	flipped := []byte(contents(7)[weights])
	flipped[len(flipped)-1] ^= 1
	altered := maps.Clone(good)
	altered[weights] = &fstest.MapFile{Data: flipped, Mode: 0o644}
	longer := maps.Clone(good)
	longer[weights] = &fstest.MapFile{Data: append([]byte(contents(7)[weights]), 0), Mode: 0o644}
	absent := maps.Clone(good)
	delete(absent, weights)
	poisoned := contents(7)
	poisoned[weights] = safetensors(1, float32(math.NaN()))
	parent := t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "test-"); err == nil {
		parent = shm
		defer os.RemoveAll(shm)
	}
	for name, c := range map[string]struct {
		src  fs.FS
		want error
	}{
		"altered":  {altered, sign.ErrMismatch},
		"longer":   {longer, sign.ErrMismatch},
		"absent":   {absent, sign.ErrMissing},
		"poisoned": {publish(t, key, poisoned), mbom.ErrPolicy},
	} {
		t.Run(name, func(t *testing.T) {
			chain := open(t, config(key, c.src))
			if f, err := chain.Memfd(t.Context(), weights); f != nil || !errors.Is(err, c.want) && !errors.Is(err, sign.ErrNoMemfd) {
				t.Errorf("%v, %v", f, err)
			}
			d, err := chain.Dir(t.Context(), memory.DirOptions{Parent: parent})
			if d != nil || !errors.Is(err, c.want) && !errors.Is(err, memory.ErrUnsupported) {
				t.Errorf("%v, %v", d, err)
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
	chain := open(t, config(key, good))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := chain.Memfd(canceled, weights); !errors.Is(err, context.Canceled) && !errors.Is(err, sign.ErrNoMemfd) {
		t.Error(err)
	}
	if _, err := chain.Dir(canceled, memory.DirOptions{Parent: parent}); !errors.Is(err, context.Canceled) && !errors.Is(err, memory.ErrUnsupported) {
		t.Error(err)
	}
	chain.Close()
	if _, err := chain.Memfd(t.Context(), weights); !errors.Is(err, holdfast.ErrConfig) {
		t.Error(err)
	}
	if _, err := chain.Dir(t.Context(), memory.DirOptions{Parent: parent}); !errors.Is(err, holdfast.ErrConfig) && !errors.Is(err, memory.ErrUnsupported) {
		t.Error(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestOutletIsPrivate reads what came out after the source was exchanged.
func TestOutletIsPrivate(t *testing.T) {
	key := signtest.Key(t)
	src := publish(t, key, contents(7))
	c := open(t, config(key, src))
	f, err := c.Memfd(t.Context(), weights)
	if errors.Is(err, sign.ErrNoMemfd) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src[weights].Data[0] ^= 1
	if b, err := io.ReadAll(f); err != nil || string(b) != contents(7)[weights] {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// TestLoad reads several weight files at once, into memory of the caller.
func TestLoad(t *testing.T) {
	key := signtest.Key(t)
	files := contents(7)
	for i := range 9 {
		files[fmt.Sprintf("shard-%d.safetensors", i)] = safetensors(float32(i), 1, 2)
	}
	sealed, h := sealDir(t, publish(t, key, files), modelName, 7)
	cfg := config(key, sealed)
	cfg.Key, cfg.Workers, cfg.Duty = held{h: h}, 3, 90
	c := open(t, cfg)
	got := map[string][]byte{}
	if err := c.Load(t.Context(), func(name string, size int64) ([]byte, error) {
		got[name] = make([]byte, size+7) // more than it needs
		return got[name], nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, b := range got {
		if string(b) != files[name]+"\x00\x00\x00\x00\x00\x00\x00" {
			t.Errorf("%s differs", name)
		}
	}
	if len(got) != 10 {
		t.Errorf("%d files were read: %v", len(got), slices.Collect(maps.Keys(got)))
	}
	if _, err := c.Handler(t.Context(), newAnswer()); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	for name, l := range map[string]struct {
		dst   func(string, int64) ([]byte, error)
		names []string
		want  error
	}{
		"no memory":    {func(string, int64) ([]byte, error) { return nil, broken }, nil, broken},
		"too small":    {func(_ string, n int64) ([]byte, error) { return make([]byte, n-1), nil }, nil, holdfast.ErrConfig},
		"not signed":   {func(_ string, n int64) ([]byte, error) { return make([]byte, n), nil }, []string{weights, "absent"}, sign.ErrNotSigned},
		"out of place": {func(_ string, n int64) ([]byte, error) { return make([]byte, n), nil }, []string{"../x"}, sign.ErrNotSigned},
	} {
		if err := c.Load(t.Context(), l.dst, l.names...); !errors.Is(err, l.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Load(canceled, func(_ string, n int64) ([]byte, error) { return make([]byte, n), nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	c.Close()
	if err := c.Load(t.Context(), nil); !errors.Is(err, holdfast.ErrConfig) {
		t.Error(err)
	}
}

// TestLoadRefuses alters one file of several: the memory of that one is cleared, and nothing may be served.
func TestLoadRefuses(t *testing.T) {
	key := signtest.Key(t)
	files := contents(7)
	files["other.safetensors"] = safetensors(5)
	src := publish(t, key, files)
	src[weights].Data[len(src[weights].Data)-1] ^= 1
	c := open(t, config(key, src))
	got := map[string][]byte{}
	err := c.Load(t.Context(), func(name string, size int64) ([]byte, error) {
		got[name] = bytes.Repeat([]byte{1}, int(size))
		return got[name], nil
	})
	if !errors.Is(err, sign.ErrMismatch) {
		t.Fatal(err)
	}
	if b := got[weights]; !bytes.Equal(b, make([]byte, len(b))) {
		t.Error("altered bytes are still there")
	}
	if err := c.Load(t.Context(), nil); !errors.Is(err, holdfast.ErrConfig) { // a panic of another goroutine could not be recovered
		t.Errorf("without memory: %v", err)
	}
	for _, effort := range [][2]int{{-1, 0}, {0, -1}, {0, 101}} {
		cfg := config(key, src)
		cfg.Workers, cfg.Duty = effort[0], effort[1]
		if _, err := holdfast.Open(t.Context(), cfg); !errors.Is(err, holdfast.ErrConfig) {
			t.Errorf("workers and duty %d: %v", effort, err)
		}
	}
	if _, err := c.Handler(t.Context(), newAnswer()); !errors.Is(err, holdfast.ErrNotLoaded) {
		t.Error(err)
	}
}

// TestStagingRing sends weights to a device through two buffers that are used again. What the device got counts when the
// stream was committed, and not where the file was altered.
func TestStagingRing(t *testing.T) {
	key := signtest.Key(t)
	files := contents(7)
	values := make([]float32, 10_000)
	for i := range values {
		values[i] = float32(i)
	}
	files[weights] = safetensors(values...)
	src := publish(t, key, files)
	sealed, h := sealDir(t, src, modelName, 7)
	ring, err := memory.NewRing(2, 4096, memory.Options{Huge: memory.Try})
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	upload := func(cfg holdfast.Config) ([]byte, error) {
		s, err := open(t, cfg).Model().ProvisionalStream(t.Context(), weights)
		if err != nil {
			return nil, err
		}
		defer s.Abort()
		var device []byte
		for {
			b, err := ring.Get(t.Context())
			if err != nil {
				return nil, err
			}
			chunk, err := s.Next(t.Context(), b)
			if err == nil {
				device = append(device, chunk.Bytes...)
			}
			if put := ring.Put(b); put != nil {
				return nil, put
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
		}
		_, err = s.Commit()
		return device, err
	}
	cfg := config(key, sealed)
	cfg.Key = held{h: h}
	if got, err := upload(cfg); err != nil || string(got) != files[weights] {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	src[weights].Data[20_000] ^= 1
	if _, err := upload(config(key, src)); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("altered: %v", err)
	}
}
