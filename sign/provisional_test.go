package sign_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// upload reads a stream as a caller would and returns what it was given before anything was decided.
func upload(ctx context.Context, s *sign.ProvisionalStream, size int) ([]byte, error) {
	var got []byte
	for buf := make([]byte, size); ; {
		c, err := s.Next(ctx, buf)
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		if c.Offset != int64(len(got)) {
			return nil, errors.New("chunks are out of order")
		}
		got = append(got, c.Bytes...)
	}
}

func TestProvisionalStream(t *testing.T) {
	key, content := signtest.Key(t), noise(3*testChunk+5)
	for _, shard := range []int64{0, 100_000} {
		for _, buf := range []int{1 << 10, testChunk, testChunk + 1, 1 << 20} {
			src, bundle := signedAs(t, key, content, shard)
			tap := &recorder{}
			m := open(t, src, anyModel(key), bundle, sign.WithTap(func(string, int64) (sign.Tap, error) { return tap, nil }))
			s, err := m.ProvisionalStream(t.Context(), "w")
			if err != nil || s.Size() != int64(len(content)) {
				t.Fatal(err)
			}
			if got, err := upload(t.Context(), s, buf); err != nil || string(got) != content {
				t.Fatal("wrong bytes", err)
			}
			if m.Released("w") || tap.finished != 0 {
				t.Error("counts before Commit")
			}
			c, err := s.Commit()
			if err != nil || c.Name() != "w" || c.Size() != int64(len(content)) || !m.Released("w") || tap.finished != 1 || !bytes.Equal(tap.Bytes(), []byte(content)) {
				t.Errorf("%+v, %v, released %v, tap %d", c, err, m.Released("w"), tap.finished)
			}
			s.Abort()
			if !m.Released("w") || src.open.Load() != 0 {
				t.Error("Abort after Commit takes it back, or the file is open")
			}
			if c, err := s.Commit(); err == nil || c != (sign.Committed{}) {
				t.Error("committed twice")
			}
		}
	}
}

// TestProvisionalRefuses: each way not to reach the end with the signed bytes gives no Committed, releases nothing, and
// leaves no file open.
func TestProvisionalRefuses(t *testing.T) {
	key, content := signtest.Key(t), noise(3*testChunk+5)
	altered := []byte(content)
	altered[2*testChunk] ^= 1
	errTap := errors.New("refused")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	all := func(s *sign.ProvisionalStream) { upload(t.Context(), s, 1<<20) }
	for name, c := range map[string]struct {
		content []byte
		tap     recorder
		use     func(*sign.ProvisionalStream)
		want    error
	}{
		"nothing read":   {use: func(*sign.ProvisionalStream) {}, want: sign.ErrProvisional},
		"not to the end": {use: func(s *sign.ProvisionalStream) { s.Next(t.Context(), make([]byte, 1000)) }, want: sign.ErrProvisional},
		"all bytes and not the end": {use: func(s *sign.ProvisionalStream) { s.Next(t.Context(), make([]byte, len(content))) },
			want: sign.ErrProvisional},
		"altered":         {content: altered, use: all, want: sign.ErrMismatch},
		"shorter":         {content: []byte(content[:testChunk]), use: all, want: sign.ErrMismatch},
		"tap, bytes":      {tap: recorder{failWrite: errTap}, use: all, want: errTap},
		"tap, finish":     {tap: recorder{failFinish: errTap}, use: all, want: errTap},
		"aborted":         {use: func(s *sign.ProvisionalStream) { all(s); s.Abort() }, want: nil},
		"canceled":        {use: func(s *sign.ProvisionalStream) { s.Next(canceled, make([]byte, 10)); all(s) }, want: context.Canceled},
		"after an error":  {use: func(s *sign.ProvisionalStream) { s.Commit(); all(s) }, want: sign.ErrProvisional},
		"after tap panic": {use: func(s *sign.ProvisionalStream) { defer func() { recover(); all(s) }(); panicNext(t, s) }, want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			src, bundle := signedAs(t, key, content, 0)
			if c.content != nil {
				src, _ = signedAs(t, key, string(c.content), 0)
			}
			var tap sign.Tap = &c.tap
			if name == "after tap panic" {
				tap = &panicsOnce{}
			}
			m := open(t, src, anyModel(key), bundle, sign.WithTap(func(string, int64) (sign.Tap, error) { return tap, nil }))
			s, err := m.ProvisionalStream(t.Context(), "w")
			if err != nil {
				t.Fatal(err)
			}
			c.use(s)
			got, err := s.Commit()
			if got != (sign.Committed{}) || err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%+v, %v, want %v", got, err, c.want)
			}
			if m.Released("w") || src.open.Load() != 0 || c.tap.finished != 0 && name != "tap, finish" {
				t.Error("released, open or finished")
			}
			if _, again := s.Commit(); again != err {
				t.Errorf("then %v", again)
			}
			if _, err := s.Next(t.Context(), make([]byte, 10)); err == nil || err == io.EOF {
				t.Errorf("Next: %v", err)
			}
		})
	}
	src, bundle := signedAs(t, key, content, 0)
	s, err := open(t, src, anyModel(key), bundle).ProvisionalStream(t.Context(), "w")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	if _, err := s.Next(t.Context(), nil); !errors.Is(err, io.ErrShortBuffer) {
		t.Error(err)
	}
	if _, err := upload(t.Context(), s, 1<<20); err != nil {
		t.Error("an empty buffer is no reason to abort:", err)
	}
}

type panicsOnce struct{ done bool }

func (p *panicsOnce) Write(b []byte) (int, error) {
	if !p.done {
		p.done = true
		panic("tap")
	}
	return len(b), nil
}
func (p *panicsOnce) Finish() error { return nil }

func panicNext(t *testing.T, s *sign.ProvisionalStream) {
	s.Next(t.Context(), make([]byte, 10))
	t.Error("no panic")
}
