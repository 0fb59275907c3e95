package train

import (
	"bytes"
	"os"
	"runtime"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func sharedRows(t testing.TB) []Row {
	t.Helper()
	var rows []Row
	for _, name := range []string{"train.jsonl", "dev.jsonl"} {
		f, err := os.Open(testkit.Data(t, "prompts", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := Read(f)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r...)
	}
	return rows
}

// The built-in model was measured with whole sources left out, and is not worse than the one before it: less the noise of two
// standard deviations of a recall over 4,900 attacks.
func TestScorecardHolds(t *testing.T) {
	card := classifier(t).Model().Card().Scorecard
	for name, least := range map[string]float64{"unseen_auc": 0.916, "unseen_recall_at_0.01": 0.640, "unseen_recall_at_0.05": 0.748} {
		if card[name] < least {
			t.Errorf("%s is %.4f, want %.3f", name, card[name], least)
		}
	}
}

// The built-in model was trained on these rows and on what the grammars write today: whoever changes them trains again.
func TestModelIsOfThisData(t *testing.T) {
	rows := sharedRows(t)
	own, err := Generate(rows)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := digest(append(rows, own...)), classifier(t).Model().Card().Data; got != want {
		t.Errorf("the rows have the digest %s, the model was trained on %s", got, want)
	}
}

// Rules of any severity were written by hand: what they flag of harmless rows is their rate on unseen ones too.
func TestRulesPassHarmlessRows(t *testing.T) {
	rules, err := detect.NewRules()
	if err != nil {
		t.Fatal(err)
	}
	flagged, all := make(map[string]int), make(map[string]int)
	for _, r := range sharedRows(t) {
		if r.Label == 1 {
			continue
		}
		f, err := rules.Detect(t.Context(), detect.View{Spans: []detect.Span{{Trust: r.Trust(), Text: []byte(r.Text)}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		all[r.Source]++
		all["all"]++
		if len(f) > 0 {
			flagged[r.Source]++
			flagged["all"]++
		}
	}
	most := map[string]float64{"all": 0.008, "gsm8k": 0, "humanevalpack": 0.003, "go-stdlib": 0.004, "xquad": 0.001, "docs-permissive": 0.03, "cyberseceval-frr": 0.004}
	for source, n := range all {
		rate := float64(flagged[source]) / float64(n)
		t.Logf("%-24s %d of %d", source, flagged[source], n)
		if most, ok := most[source]; ok && rate > most {
			t.Errorf("%s: %.4f of harmless rows are flagged, at most %.4f may be", source, rate, most)
		}
	}
}

// The file is what this program makes of the rows, byte for byte: nobody need take it on trust, and a change of rules or
// features that would change it cannot be forgotten. On other processors sums of floats may differ.
func TestModelIsMadeByThisProgram(t *testing.T) {
	if testing.Short() || testkit.Race || runtime.GOARCH != "amd64" {
		t.Skip("takes half a minute and more, on one kind of processor")
	}
	rows := sharedRows(t)
	own, err := Generate(rows)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../model.bin")
	if err != nil {
		t.Fatal(err)
	}
	card := classifier(t).Model().Card()
	got, _, err := Model(append(rows, own...), Defaults(), card.Number, card.Date)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("training gives %d other bytes, the file has %d: %v", len(got), len(want), err)
	}
}
