package guardtest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

func guarded(t *testing.T, change func(*guard.Policy)) *guard.Guard {
	t.Helper()
	p := guardtest.Policy()
	if change != nil {
		change(&p)
	}
	g, err := guard.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The kit passes on the guard itself.
func TestGuardConforms(t *testing.T) { guardtest.Conform(t, guarded(t, nil).Handler) }

func found(t *testing.T, r guardtest.Report, attack string) {
	t.Helper()
	if !slices.ContainsFunc(r.Failures, func(f guardtest.Failure) bool { return f.Attack == attack }) {
		t.Errorf("%d failures, none of them %s: %.800v", len(r.Failures), attack, r.Failures)
	}
}

// Every class is checked on every route, whole and streamed; what an embedding cannot have is named.
func TestEveryCellIsChecked(t *testing.T) {
	report, err := guardtest.Check(t.Context(), guarded(t, nil).Handler)
	if err != nil {
		t.Fatal(err)
	}
	checks := map[string]int{}
	for _, c := range report.Cells {
		if checks[c.Name()] = c.Checks; c.Failed != 0 {
			t.Errorf("%s: %d failed", c.Name(), c.Failed)
		}
	}
	for _, k := range guardtest.Kinds() {
		for _, stream := range []bool{false, true} {
			for _, class := range []string{"injection", "disguise", "placement", "json", "structure", "encoding", "route", "benign", "leak", "prose", "answer", "fault", "stream"} {
				text := k != api.OpenAIEmbeddings && k != api.OllamaEmbed
				want := (!stream || guardtest.Streams(k)) && (class != "stream" || stream) && (text || class != "leak" && class != "prose")
				if c := (guardtest.Cell{Kind: k, Stream: stream, Class: class}); (checks[c.Name()] > 0) != want {
					t.Errorf("%s: %d checks", c.Name(), checks[c.Name()])
				}
			}
		}
	}
	if table := report.String(); strings.Count(table, "\n") != 15 || !strings.Contains(table, "openai.chat/stream") {
		t.Errorf("table:\n%s", table)
	}
}
