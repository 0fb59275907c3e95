//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
)

// Identifiers that python-stdnum accepts are found, and those that it refuses are not, but for the kinds on which it knows
// more rules than their check digits.
func TestIdentifiersAgainstStdnum(t *testing.T) {
	setup := exec.Command("./setup-stdnum.sh")
	setup.Stderr = os.Stderr
	python, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	gen := exec.Command(strings.TrimSpace(string(python)), "stdnum_numbers.py")
	gen.Stderr = os.Stderr
	out, err := gen.Output()
	if err != nil {
		t.Fatal(err)
	}
	tried, sets := map[string][2]int{}, map[string]*sensitive.Set{}
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		var c struct {
			Kind, Text string
			Valid, Lax bool
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if sets[c.Kind] == nil {
			if sets[c.Kind], err = sensitive.New(c.Kind); err != nil {
				t.Fatal(err)
			}
		}
		n := tried[c.Kind]
		if n[b2i(c.Valid)]++; n[0]+n[1] > 0 {
			tried[c.Kind] = n
		}
		found := len(sets[c.Kind].Find(nil, []byte(c.Text+"."))) > 0
		if c.Valid && !found || !c.Valid && found && !c.Lax {
			t.Errorf("%s: %q: found %v, stdnum says %v", c.Kind, c.Text, found, c.Valid)
		}
	}
	if len(tried) < 50 {
		t.Errorf("%d kinds", len(tried))
	}
	t.Log(tried)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
