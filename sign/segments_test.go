package sign_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// segmentFS opens a whole segment for every read, as files that are encrypted do, and keeps the one that Read is in.
type segmentFS struct {
	fs.FS
	opened, handles atomic.Int64 // segments, and files that are open
}

const testSegment = 1 << 20

func (s *segmentFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	s.handles.Add(1)
	return &segmentFile{File: f, s: s, in: -1}, nil
}

type segmentFile struct {
	fs.File
	s   *segmentFS
	in  int64 // segment that Read is in
	off int64
}

func (f *segmentFile) Close() error { f.s.handles.Add(-1); return f.File.Close() }

func (f *segmentFile) ReadAt(b []byte, off int64) (int, error) {
	f.s.opened.Add((off+int64(len(b))-1)/testSegment - off/testSegment + 1)
	return f.File.(io.ReaderAt).ReadAt(b, off)
}

func (f *segmentFile) Read(b []byte) (int, error) {
	if now := f.off / testSegment; now != f.in {
		f.in = now
		f.s.opened.Add(1)
	}
	n, err := f.File.(io.ReaderAt).ReadAt(b[:min(int64(len(b)), testSegment-f.off%testSegment)], f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *segmentFile) Seek(off int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, fs.ErrInvalid
	}
	f.off = off
	return off, nil
}

func (f *segmentFile) ReadAllInto(context.Context, []byte, func(int64)) error {
	panic("not for reads at offsets")
}

// A shard of a source that decrypts is verified by opening each of its segments once, not once for every chunk; and nothing stays open.
func TestShardsOpenSegmentsOnce(t *testing.T) {
	const size, shard = 8*testSegment + 1000, 4 * testSegment
	key := signtest.Key(t)
	content := strings.Repeat("weights!", size/8)
	files := signtest.Files(map[string]string{"w": content})
	sig, _, err := sign.Sign(t.Context(), files, key, sign.SignOptions{ShardSize: shard})
	if err != nil {
		t.Fatal(err)
	}
	src := &segmentFS{FS: files}
	m := open(t, src, anyModel(key), sign.WithBundle(sig))
	f, err := m.OpenFile(t.Context(), "w")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	for _, off := range []int64{shard + 5, 0, 2 * shard} {
		if n, err := f.ReadAt(got, off); err != nil || !bytes.Equal(got[:n], []byte(content)[off:][:n]) {
			t.Fatal(off, n, err)
		}
	}
	if n := src.opened.Load(); n > 2*(size/testSegment+1) {
		t.Errorf("%d segments were opened of a file of %d", n, size/testSegment+1)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n := src.handles.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}
