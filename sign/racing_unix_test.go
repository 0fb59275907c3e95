//go:build unix

package sign_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
)

// TestRacingWriter: a writer changes a real file and its name as fast as it can, in place and by renaming, while every way
// out reads it. What is given as good is what was signed, nothing hangs, and both outcomes happen.
func TestRacingWriter(t *testing.T) {
	f, dir := newFixture(t), t.TempDir()
	victim, spare := filepath.Join(dir, "w"), filepath.Join(dir, "spare")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := os.WriteFile(victim, f.content, 0o644); err != nil {
		t.Fatal(err)
	}
	writeAt := func(b []byte, off int64) {
		if w, err := os.OpenFile(victim, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			w.WriteAt(b, off)
			w.Close()
		}
	}
	evil := bytes.Repeat([]byte{'e'}, testSize)
	strikes := []func(r *rand.Rand){
		func(r *rand.Rand) { writeAt([]byte{'!'}, r.Int64N(testSize)) },
		func(r *rand.Rand) { writeAt(evil[:testChunk], r.Int64N(testSize-testChunk)) },
		func(r *rand.Rand) { writeAt([]byte{'!'}, testSize) },
		func(r *rand.Rand) { os.Truncate(victim, r.Int64N(testSize)) },
		func(*rand.Rand) { os.WriteFile(spare, evil, 0o644); os.Rename(spare, victim) },
		func(*rand.Rand) { os.Remove(victim) },
		func(*rand.Rand) { syscall.Mkfifo(spare, 0o644); os.Rename(spare, victim) },
		func(*rand.Rand) { os.Symlink("/dev/zero", spare); os.Rename(spare, victim) },
	}
	restore := func() { os.WriteFile(spare, f.content, 0o644); os.Rename(spare, victim) }

	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(r.IntN(2000)) * time.Microsecond):
			}
			if strike := strikes[r.IntN(len(strikes))]; i%2 == 0 {
				strike(r)
			} else {
				restore()
			}
		}
	})
	defer wg.Wait()
	defer close(stop)

	var passes, refusals int
	end := time.Now().Add(1500 * time.Millisecond)
	for round := 0; time.Now().Before(end) || passes == 0 || refusals == 0; round++ {
		if round > 10_000 {
			t.Fatalf("%d passes, %d refusals: proves nothing", passes, refusals)
		}
		bundle := [][]byte{f.files, f.shards}[round%2]
		for way, read := range ways() {
			m := open(t, sign.DirFS(root), f.policy, sign.WithBundle(bundle), sign.WithWorkers(2), sign.WithCache(testChunk))
			var got []byte
			err := soon(t, func() (err error) { got, err = read(t.Context(), m); return err })
			switch {
			case err == nil && releases(way) && !bytes.Equal(got, f.content):
				t.Fatalf("%s: unverified bytes returned", way)
			case err != nil && !bytes.Contains(f.content, got):
				t.Fatalf("%s: unverified bytes returned beside %v", way, err)
			case err == nil:
				passes++
			case errors.Is(err, sign.ErrMismatch), errors.Is(err, sign.ErrNotRegular), errors.Is(err, fs.ErrNotExist):
				refusals++
			case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO): // os.Root met the link; a pipe without a writer
				refusals++
			default:
				if _, leaves := errors.AsType[*fs.PathError](err); !leaves { // "path escapes from parent"
					t.Fatalf("%s: untyped error %v", way, err)
				}
				refusals++
			}
		}
	}
	t.Logf("%d passes, %d refusals", passes, refusals)
}
