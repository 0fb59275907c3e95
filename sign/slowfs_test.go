package sign_test

import (
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A slowFS takes a while for each read, counts how many wait at once, and calls back.
type slowFS struct {
	fs.FS
	delay        time.Duration
	onRead       func()
	running, max atomic.Int64
	open         atomic.Int64
	maxOpen      atomic.Int64
}

type slowFile struct {
	fs.File
	s *slowFS
}

func (s *slowFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	raise(&s.maxOpen, s.open.Add(1))
	return slowFile{f, s}, nil
}

func raise(max *atomic.Int64, n int64) {
	for old := max.Load(); n > old && !max.CompareAndSwap(old, n); old = max.Load() {
	}
}

func (f slowFile) Close() error { f.s.open.Add(-1); return f.File.Close() }

func (f slowFile) ReadAt(b []byte, off int64) (int, error) {
	raise(&f.s.max, f.s.running.Add(1))
	defer f.s.running.Add(-1)
	if f.s.onRead != nil {
		f.s.onRead()
	}
	time.Sleep(f.s.delay)
	return f.File.(io.ReaderAt).ReadAt(b, off)
}

// manyFiles is a signed model of files of many lengths, whole or in shards.
func manyFiles(t testing.TB, shard int64) (fstest.MapFS, sign.Policy) {
	t.Helper()
	files := map[string]string{}
	for i, n := range []int{0, 1, 1000, testChunk - 1, testChunk, testChunk + 1, 2 * testChunk, 5*testChunk + 3, 100, 100, 3 * testChunk} {
		files[fmt.Sprintf("f%02d", i)] = noise(n)
	}
	src, key := signtest.Files(files), signtest.Key(t)
	b, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: shard})
	if err != nil {
		t.Fatal(err)
	}
	src[sign.SignatureFile] = &fstest.MapFile{Data: b, Mode: 0o644}
	return src, anyModel(key)
}

// settle waits a moment for goroutines that have returned and are still counted.
func settle(want int) int {
	n := runtime.NumGoroutine()
	for range 100 {
		if n <= want {
			break
		}
		time.Sleep(time.Millisecond)
		n = runtime.NumGoroutine()
	}
	return n
}
