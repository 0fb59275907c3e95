package guardtest_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// The corpus is YAML: another reader finds in it what ours does.
func TestCorpusIsYAML(t *testing.T) {
	var all struct {
		Version                  int
		Attacks, Benign, Answers []map[string]any
	}
	if err := yaml.Unmarshal(guardtest.CorpusYAML(), &all); err != nil || all.Version != guardtest.CorpusVersion {
		t.Fatal(err, all.Version)
	}
	list := append(append(all.Attacks, all.Benign...), all.Answers...)
	n := 0
	for line := range strings.Lines(string(guardtest.CorpusYAML())) {
		element, ok := strings.CutPrefix(line, "- ")
		if !ok {
			continue
		}
		var ours, theirs map[string]any
		b, err := json.Marshal(list[n])
		if err != nil || json.Unmarshal(b, &theirs) != nil || json.Unmarshal([]byte(element), &ours) != nil || !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%s: read as %s", element, b)
		}
		n++
	}
	if n != len(list) || n < 60 {
		t.Errorf("%d entries, %d of them read", n, len(list))
	}
}
