package seal

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// kept is a buffer that held plaintext when it was looked at.
type kept []byte

func (k kept) check(t *testing.T, what string) {
	t.Helper()
	if k == nil {
		t.Fatalf("%s: nothing was looked at", what)
	}
	if len(bytes.Trim(k, "\x00")) != 0 {
		t.Errorf("%s: plaintext stays in a buffer that was given up", what)
	}
}

// A buffer that is exchanged for a larger one goes back to the garbage collector, which does not clear it.
func TestOutgrownBuffersAreCleared(t *testing.T) {
	h, err := NewKeyset(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("plaintext"), 300_000) // three segments
	var sealed bytes.Buffer
	w, err := NewWriter(&sealed, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	var outgrown []kept
	for rest := text; len(rest) > 0; {
		before := w.w.in
		n := min(len(rest), 100_000)
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
		if len(before) > 0 && &before[0] != &w.w.in[:1][0] {
			outgrown = append(outgrown, before)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if len(outgrown) == 0 {
		t.Fatal("the writer's buffer never grew")
	}
	for _, b := range outgrown {
		b.check(t, "writer")
	}

	r, err := NewReader(bytes.NewReader(sealed.Bytes()), int64(sealed.Len()), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	var first kept
	for p := make([]byte, 50_000); ; {
		n, err := r.Read(p)
		got = append(got, p[:n]...)
		if err != nil {
			break
		}
		if first == nil {
			first = r.ahead // of the first segment, which is smaller than the others
		}
	}
	if !bytes.Equal(got, text) {
		t.Fatal("read other bytes")
	}
	first.check(t, "reader")

	ring := make(staging, 1)
	small := kept(ring.take(0, 10))
	copy(small, "plaintext")
	ring.take(1, 100)
	small.check(t, "staging")
}

// A piece that ends its goroutine instead of returning was not done. Without this the call would return nil, with a hole in
// what it filled, or wait for ever.
func TestSpreadGoexit(t *testing.T) {
	for _, total := range []int64{4, 100} {
		for victim := range int64(4) {
			ended := make(chan error, 1)
			go func() {
				err := errors.New("the caller's own goroutine ended")
				defer func() { ended <- err }()
				var together sync.WaitGroup // so that each of the first four pieces has a goroutine of its own
				together.Add(4)
				err = newSpread(total, options{workers: 4, duty: 100}).run(context.Background(), func(i int64) error {
					if i < 4 {
						together.Done()
						together.Wait()
					}
					if i == victim {
						runtime.Goexit()
					}
					return nil
				})
			}()
			if err := <-ended; err == nil {
				t.Errorf("%d pieces: nil, and piece %d is missing", total, victim)
			}
		}
	}
}

// named wraps for nobody, under one id.
type named string

func (n named) Wrap(context.Context, *keyset.Handle, Info) (Wrapped, error) {
	return Wrapped{ID: string(n), Blob: []byte("{}")}, nil
}

// The second of two wrappings with one id would take the place of the first, whose key then opens nothing.
func TestDirRefusesTwoWrapsOfOneID(t *testing.T) {
	h, err := NewKeyset(4096)
	if err != nil {
		t.Fatal(err)
	}
	for _, resume := range []bool{false, true} {
		dst := filepath.Join(t.TempDir(), "sealed")
		o := Options{Name: "m", Resume: resume, Wraps: []Wrapper{named("ops"), named("ops")}}
		if _, err := Dir(t.Context(), dst, fstest.MapFS{}, h, o); !errors.Is(err, ErrFormat) {
			t.Errorf("resume %v: %v, want ErrFormat", resume, err)
		}
		o.Wraps[1] = named("other")
		if _, err := Dir(t.Context(), dst, fstest.MapFS{}, h, o); err != nil {
			t.Errorf("resume %v: two ids: %v", resume, err)
		}
	}
}

// Where a file system takes two names for one, as most of macOS and Windows do with letters of either case, the second file
// must not take the place of the first: the directory would be published without it.
func TestNoFileReplacesAnother(t *testing.T) {
	p, err := newPartial(filepath.Join(t.TempDir(), "out"), partialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.discard()
	if err := p.writeFile("name", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := p.writeFile("name", []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, want fs.ErrExist", err)
	}
}
