package kek

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

var errKilled = errors.New("killed here")

// Wherever re-wrapping stops, the directory opens with one of the two keys, and running it again finishes it.
func TestRewrapIsCrashSafe(t *testing.T) {
	from, to := must(FromAEAD("old", tinkAEAD(t)))(t), must(FromAEAD("new", tinkAEAD(t)))(t)
	var steps []string
	root, _ := sealedFor(t, from)
	if err := rewrap(t.Context(), root, Source{KEK: from}, to, false, func(s string) error { steps = append(steps, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(steps, []string{"write", "remove"}) {
		t.Fatalf("steps %v", steps)
	}
	if err := Rewrap(t.Context(), root, Source{KEK: from}, to, false); err != nil {
		t.Errorf("run again after the end: %v", err)
	}
	if err := Rewrap(t.Context(), root, Source{KEK: from}, to, true); !errors.Is(err, ErrNoWrap) {
		t.Errorf("run again to keep what is gone: %v", err)
	}
	for _, stop := range steps {
		root, _ := sealedFor(t, from)
		err := rewrap(t.Context(), root, Source{KEK: from}, to, false, func(s string) error {
			if s == stop {
				return errKilled
			}
			return nil
		})
		if !errors.Is(err, errKilled) {
			t.Fatalf("%s: %v", stop, err)
		}
		if !opens(t, root, from) && !opens(t, root, to) {
			t.Errorf("killed before %s: no key opens", stop)
		}
		if err := Rewrap(t.Context(), root, Source{KEK: from}, to, false); err != nil {
			t.Errorf("killed before %s, run again: %v", stop, err)
		}
		if opens(t, root, from) || !opens(t, root, to) {
			t.Errorf("killed before %s, run again: not finished", stop)
		}
	}
}

// The process is killed while it re-wraps back and forth, at moments nobody chose: the directory opens with one of the two keys
// each time, and one more run brings it to an end.
func TestRewrapKilled(t *testing.T) {
	key := func(id string, b byte) *KEK { return must(FromKey(id, bytes.Repeat([]byte{b}, KeyFileSize)))(t) }
	a, b := key("a", 1), key("b", 2)
	if dir := os.Getenv("KEK_TEST_REWRAP"); dir != "" {
		root := must(os.OpenRoot(dir))(t)
		os.Stdout.WriteString("begun\n")
		for { // until killed
			_ = Rewrap(t.Context(), root, Source{KEK: a}, b, false)
			_ = Rewrap(t.Context(), root, Source{KEK: b}, a, false)
		}
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	root, _ := sealedFor(t, a)
	left := 0
	for i := range 15 {
		cmd := exec.Command(must(os.Executable())(t), "-test.run=^TestRewrapKilled$")
		cmd.Env = append(os.Environ(), "KEK_TEST_REWRAP="+root.Name())
		out := must(cmd.StdoutPipe())(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if !opens(t, root, a) && !opens(t, root, b) {
			t.Fatalf("killed after %d ms: no key opens", 3*i)
		}
		if err := Rewrap(t.Context(), root, Source{KEK: b}, a, false); err != nil || !opens(t, root, a) || opens(t, root, b) {
			t.Fatalf("run again: %v", err)
		}
		for _, w := range must(Wraps(root.FS()))(t) {
			switch {
			case strings.HasPrefix(w.File, "seal.keys/.b."):
				t.Errorf("%s is still there, and b opens it", w.File)
			case w.ID == "":
				left++ // of a, which opens the directory anyhow
			}
		}
	}
	t.Logf("files left behind under the key that stays: %d", left)
}

// What killed processes left of wrapping for the old key goes with it: whoever has that key would open it.
func TestRewrapSweeps(t *testing.T) {
	from, to := must(FromAEAD("old", tinkAEAD(t)))(t), must(FromAEAD("new", tinkAEAD(t)))(t)
	for _, keep := range []bool{true, false} {
		root, _ := sealedFor(t, from)
		blob := must(fs.ReadFile(root.FS(), "seal.keys/old.json"))(t)
		for _, name := range []string{".old.123", ".old.4", ".older.1", ".new.5", ".old.x", ".old."} {
			if err := root.WriteFile("seal.keys/"+name, blob, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the second time there is nothing more to wrap
			if err := Rewrap(t.Context(), root, Source{KEK: from}, to, keep); err != nil {
				t.Fatal(err)
			}
		}
		var left []string
		for _, w := range must(Wraps(root.FS()))(t) {
			left = append(left, strings.TrimPrefix(w.File, "seal.keys/"))
		}
		want := []string{".new.5", ".old.", ".old.x", ".older.1", "new.json"}
		if keep {
			want = []string{".new.5", ".old.", ".old.123", ".old.4", ".old.x", ".older.1", "new.json", "old.json"}
		}
		if !slices.Equal(left, want) {
			t.Errorf("kept %v: %v, want %v", keep, left, want)
		}
	}
}
