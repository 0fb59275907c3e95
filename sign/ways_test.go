package sign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-ai/holdfast/sign"
)

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

func counts(way string) bool { return releases(way) && way != "ReadAt backwards" }
