package seal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

const emptyManifest = `{"version":1,"model":{"name":"m","version":1},"segment":4096,"commitment":"` +
	"0000000000000000000000000000000000000000000000000000000000000000" + `","files":[%s]}`

// seal.json is read before anything is authenticated: what it lists must not cost many times its own size.
func TestManifestMemory(t *testing.T) {
	text := fmt.Appendf(nil, emptyManifest, strings.TrimSuffix(strings.Repeat("{},", 4_000_000), ","))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := parseManifest(text)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrFormat) {
		t.Errorf("%v, want ErrFormat", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes of seal.json cost %d bytes", len(text), got)
	}
}

// Directories above a file are walked for every file.
func TestManifestNesting(t *testing.T) {
	for dirs, want := range map[int]error{maxNesting: nil, maxNesting + 1: ErrFormat} {
		file := `{"path":"` + strings.Repeat("a/", dirs) + `f","blob":"blobs/0","size":0,"header":""}`
		if _, _, err := parseManifest(fmt.Appendf(nil, emptyManifest, file)); !errors.Is(err, want) {
			t.Errorf("%d directories: %v, want %v", dirs, err, want)
		}
	}
}

// Each directory is an entry in memory, and a path of a few bytes has many above it.
func TestManifestDirectories(t *testing.T) {
	for n, want := range map[int]error{100: nil, MaxFiles/60 + 1: ErrFormat} {
		files := make([]string, n)
		for i := range files {
			files[i] = fmt.Sprintf(`{"path":"%06d%s/f","blob":"blobs/%d","size":0,"header":""}`, i, strings.Repeat("/d", 60), i)
		}
		if _, _, err := parseManifest(fmt.Appendf(nil, emptyManifest, strings.Join(files, ","))); !errors.Is(err, want) {
			t.Errorf("%d files: %v, want %v", n, err, want)
		}
	}
}

// A panic of a source or of a watermark reaches the caller, on the caller's goroutine, after all others have ended: what
// the caller then clears stays cleared.
func TestSpreadPanics(t *testing.T) {
	for _, in := range []string{"piece", "report"} {
		var late, running int
		func() {
			defer func() {
				if got := recover(); got != "fault" {
					t.Errorf("%s: recovered %v", in, got)
				}
			}()
			s := newSpread(100, options{workers: 4, duty: 100})
			if in == "report" {
				s.passedTo = func(int64) error { panic("fault") }
			}
			err := s.run(context.Background(), func(i int64) error {
				s.mu.Lock()
				running++
				s.mu.Unlock()
				if in == "piece" && i == 3 {
					panic("fault")
				}
				s.mu.Lock()
				running--
				s.mu.Unlock()
				return nil
			})
			t.Errorf("%s: returned %v", in, err)
		}()
		if late = running; in == "report" && late != 0 || late > 1 {
			t.Errorf("%s: %d pieces still run", in, late)
		}
	}
}

// A disabled key would be wrapped with the enabled one, and whoever has it can enable it.
func TestDirRefusesDisabledKeys(t *testing.T) {
	h, err := NewKeyset(4096)
	if err != nil {
		t.Fatal(err)
	}
	m := keyset.NewManagerFromHandle(h)
	e, err := h.Primary()
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.AddNewKeyFromParameters(e.Key().Parameters())
	if err == nil {
		err = m.Disable(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	if h, err = m.Handle(); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "sealed")
	if _, err := Dir(t.Context(), dst, fstest.MapFS{}, h, Options{Name: "m"}); !errors.Is(err, ErrKeyset) {
		t.Errorf("%v, want ErrKeyset", err)
	}
}
