//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
)

// picklePython returns what runs pickle_samples.py.
func picklePython(t *testing.T) func(args ...string) []byte {
	t.Helper()
	setup := exec.Command("./setup-picklescan.sh")
	setup.Stderr = os.Stderr
	python, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	return func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(strings.TrimSpace(string(python)), append([]string{"pickle_samples.py"}, args...)...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(args, err)
		}
		return out
	}
}

// Of pickles and arrays that CPython and numpy write, what calls something is never clean, and what is data always is. How many
// picklescan, fickling and modelscan miss, or report among the harmless ones, is logged.
func TestPickleScanners(t *testing.T) {
	python := picklePython(t)
	dir := t.TempDir()
	python("make", dir)
	var others map[string]struct {
		Picklescan, Modelscan bool
		Fickling              string
	}
	if err := json.Unmarshal(python("judge", dir), &others); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	bad, good, missed, alarms := 0, 0, map[string]int{}, map[string]int{}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		rep := pickle.Scan(bytes.NewReader(data), int64(len(data)))
		o, judged := others[name]
		reports := map[string]bool{"picklescan": o.Picklescan, "modelscan": o.Modelscan, "fickling": o.Fickling != "LIKELY_SAFE" && o.Fickling != "NOT_READ"}
		if strings.HasPrefix(name, "good_") {
			good++
			if rep.Verdict != pickle.Clean {
				t.Errorf("%s: %v %v", name, rep.Verdict, rep.Notes)
			}
		} else {
			bad++
			kind := format.Detect(data, int64(len(data)))
			if rep.Verdict == pickle.Clean || kind != format.Pickle && kind != format.NumPy {
				t.Errorf("%s: %v, looks like %s", name, rep.Verdict, kind)
			}
		}
		for scanner, reported := range reports {
			switch {
			case judged && strings.HasPrefix(name, "bad_") && !reported:
				missed[scanner]++
			case judged && strings.HasPrefix(name, "good_") && reported:
				alarms[scanner]++
			}
		}
	}
	if good != 138 || bad != 154 || len(others) != 270 {
		t.Errorf("%d harmless and %d other samples, %d judged by others", good, bad, len(others))
	}
	t.Logf("of %d that call, missed by %v; of %d harmless, reported by %v", bad, missed, good, alarms)
}

// What one of CPython's unpicklers runs a command for is a pickle and dangerous here, however it is written.
func TestPickleWalk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "walk")
	picklePython(t)("walk", path, "20000", "1")
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for len(all) > 0 {
		size := binary.LittleEndian.Uint32(all)
		data := all[4:][:size]
		all = all[4+size:]
		n++
		if rep := pickle.Scan(bytes.NewReader(data), int64(len(data))); rep.Verdict != pickle.Dangerous {
			t.Errorf("%q: %v %v", data, rep.Verdict, rep.Notes)
		}
		if kind := format.Detect(data, int64(len(data))); kind != format.Pickle && kind != format.Archive {
			t.Errorf("%q looks like %s", data, kind)
		}
	}
	if n != 20000 {
		t.Errorf("%d samples", n)
	}
}
