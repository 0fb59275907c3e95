// Command detect writes the scorecard of the detector of package guard/detect, SCORECARD.md and SCORECARD.svg, and PEERS.md where it is told where those are:
//
//	go -C benchmarks run ./detect -data DIR [-out detect] [-peers "$(sh benchmarks/detect/setup-peers.sh)"]
//
// DIR holds train.jsonl and dev.jsonl. The model is trained again with whole sources left out, so that every score is that of
// a model which saw nothing of the row's source. The rows must be those that the built-in model was made from and the left-out figures those of its
// card, or the scorecard would be of another model; whether the file came out the same, byte for byte, is reported. No output holds any text of a row.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

// configured is the false-positive rate that the reported threshold is set for.
const configured = 0.01

func main() {
	data := flag.String("data", "", "folder of train.jsonl and dev.jsonl")
	out := flag.String("out", "detect", "where to write the scorecard")
	peers := flag.String("peers", "", "folder that setup-peers.sh printed: detectors of others are run on the same rows")
	flag.Parse()
	if err := run(*data, *out, *peers); err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(1)
	}
}

func run(data, out, peers string) error {
	training, err := read(filepath.Join(data, "train.jsonl"))
	if err != nil {
		return err
	}
	dev, err := read(filepath.Join(data, "dev.jsonl"))
	if err != nil {
		return err
	}
	card, err := measure(training, dev, peers)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "SCORECARD.md"), card.markdown(), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "SCORECARD.svg"), card.svg(), 0o644); err != nil {
		return err
	}
	if peers == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(out, "PEERS.md"), card.peersMarkdown(), 0o644); err != nil {
		return err
	}
	return slow(card.peers)
}

func read(path string) ([]train.Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return train.Read(f)
}

// A scorecard is everything that is reported.
type scorecard struct {
	model                     string
	reproduced                bool // training again gave the same file
	sources, languages, kinds eval.Report
	threshold                 float64
	named                     []named
	folds                     []fold
	evasions                  []evasion
	same, others, grammars    []overlap
	peers                     []comparison
	rows, attacks, generated  int
}

// errOtherModel means that the data or the program are not those of the model that is built in.
var errOtherModel = errors.New("training gives another model than the built-in one: its scores would be no scores of it")

// rounding is how far figures of the card may be from those measured: the order of sums may differ, nothing else.
const rounding = 1e-3

// comparable reports whether a model that was made again has the rows and the figures of the built-in one.
func comparable(again, builtin detect.ModelCard) bool {
	if again.Data != builtin.Data || len(builtin.Scorecard) == 0 {
		return false
	}
	for name, v := range builtin.Scorecard {
		if got, ok := again.Scorecard[name]; !ok || math.Abs(got-v) > rounding {
			return false
		}
	}
	return true
}

func measure(training, dev []train.Row, peers string) (*scorecard, error) {
	rows := append(append([]train.Row(nil), training...), dev...)
	own, err := train.Generate(rows)
	if err != nil {
		return nil, err
	}
	c, err := detect.New()
	if err != nil {
		return nil, err
	}
	card := c.Model().Card()
	file, unseen, err := train.Model(append(append([]train.Row(nil), rows...), own...), train.Defaults(), card.Number, card.Date)
	if err != nil {
		return nil, err
	}
	m, err := detect.ParseModel(file)
	if err != nil {
		return nil, err
	}
	if !comparable(m.Card(), card) {
		return nil, errOtherModel
	}
	s := &scorecard{model: fmt.Sprintf("sha256:%x", c.Model().Digest()), reproduced: m.Digest() == c.Model().Digest(), threshold: card.Benign.Threshold(configured), rows: len(rows), generated: len(own)}
	cases := func(group func(*train.Row) string) eval.Report {
		out := make([]eval.Case, len(rows))
		for i := range rows {
			out[i] = eval.Case{Source: group(&rows[i]), Attack: rows[i].Label == 1, Score: unseen.Scores[i]}
		}
		return eval.NewReport(out, s.threshold)
	}
	s.sources = cases(func(r *train.Row) string { return r.Source })
	s.languages = cases(language)
	s.kinds = cases(func(r *train.Row) string { return r.Kind })
	s.attacks = s.sources.Pooled.Positives
	s.named = s.namedRows(rows, unseen.Scores)
	maths := train.Maths()
	flagged := 0
	for _, r := range maths {
		if c.Score([]byte(r.Text), r.Trust()).Value >= s.threshold {
			flagged++
		}
	}
	s.named = append(s.named, named{"maths in ten languages, at the configured threshold", flagged, -1, len(maths)})
	for _, x := range unseen.Crossed() {
		s.folds = append(s.folds, crossed(rows, x))
	}
	if s.evasions, err = evasions(c, dev, s.threshold); err != nil {
		return nil, err
	}
	if peers != "" {
		if s.peers, err = compare(peers, rows, unseen.Scores); err != nil {
			return nil, err
		}
	}
	s.same = overlaps(dev, training, func(string, *train.Row) bool { return true })
	s.others = overlaps(dev, training, func(source string, r *train.Row) bool { return r.Source != source })
	// Of documents and padded rows that were put together from rows, only what the grammars wrote is theirs.
	templates := make([]train.Row, 0, len(own))
	for _, r := range own {
		if strings.HasPrefix(r.Source, "own-") && r.Source != "own-documents" {
			templates = append(templates, r)
		}
	}
	s.grammars = overlaps(dev, templates, func(string, *train.Row) bool { return true })
	return s, nil
}

// named is a group of harmless rows that an aim is set for.
type named struct {
	what            string
	one, five, rows int // flagged where 1 % and 5 % of all harmless rows are; -1: not measured
}

// namedRows counts harmless rows of the groups that are watched one by one.
func (s *scorecard) namedRows(rows []train.Row, scores []float64) []named {
	var benign []float64
	for i := range rows {
		if rows[i].Label == 0 {
			benign = append(benign, scores[i])
		}
	}
	one, five := eval.Threshold(benign, 0.01), eval.Threshold(benign, 0.05)
	groups := []struct {
		what string
		is   func(*train.Row) bool
	}{
		{"technical documents", func(r *train.Row) bool { return r.Source == "docs-permissive" && r.Kind == "benign" }},
		{"documents that quote attacks", func(r *train.Row) bool { return r.Source == "docs-permissive" && r.Kind == "benign-hard" }},
		{"texts of twelve languages (xquad)", func(r *train.Row) bool { return r.Source == "xquad" }},
		{"maths in English (gsm8k)", func(r *train.Row) bool { return r.Source == "gsm8k" }},
		{"code", func(r *train.Row) bool { return r.Source == "go-stdlib" || r.Source == "humanevalpack" }},
	}
	var out []named
	for _, g := range groups {
		n := named{what: g.what}
		for i := range rows {
			if rows[i].Label == 0 && g.is(&rows[i]) {
				n.rows++
				n.one += above(scores[i], one)
				n.five += above(scores[i], five)
			}
		}
		out = append(out, n)
	}
	return out
}

func above(score, threshold float64) int {
	if score > threshold {
		return 1
	}
	return 0
}

// A fold is measured with nothing of the model fitted on its sources: neither weights, nor how they combine, nor thresholds.
type fold struct {
	sources []string
	result  eval.Result        // against the harmless rows of the fold
	real    map[string]float64 // share of them flagged where the configured share of other harmless rows is
	benign  int
}

func crossed(rows []train.Row, x train.Crossed) fold {
	var in []eval.Case
	var benign, others []float64
	for i := range rows {
		switch inside := slices.Contains(x.Sources, rows[i].Source); {
		case inside:
			in = append(in, eval.Case{Source: rows[i].Source, Attack: rows[i].Label == 1, Score: x.Scores[i]})
			if rows[i].Label == 0 {
				benign = append(benign, x.Scores[i])
			}
		case rows[i].Label == 0:
			others = append(others, x.Scores[i])
		}
	}
	f := fold{sources: x.Sources, result: eval.NewReport(in, 0).Pooled, real: make(map[string]float64), benign: len(benign)}
	for name, rate := range map[string]float64{"0.01": 0.01, "0.05": 0.05} {
		f.real[name] = float64(eval.Above(benign, eval.Threshold(others, rate))) / float64(max(len(benign), 1))
	}
	return f
}

// languages gives names of rows their codes; what a row does not say is not guessed.
var languages = map[string]string{
	"English": "en", "Hindi": "hi", "Turkish": "tr", "Vietnamese": "vi", "Italian": "it", "Arabic": "ar", "French": "fr", "Portuguese": "pt",
	"Korean": "ko", "Bengali": "bn", "Filipino/Tagalog": "fil", "Spanish": "es", "Russian": "ru", "Japanese": "ja", "Thai": "th",
	"Indonesian": "id", "German": "de", "Chinese": "zh",
}

func language(r *train.Row) string {
	if code, ok := languages[r.Lang]; ok {
		return code
	}
	if r.Lang == "" {
		return "not stated"
	}
	return r.Lang
}

// An evasion says what one disguise leaves of the attacks that are caught in clear.
type evasion struct {
	name            string
	caught, attacks int
	wrong, harmless int // harmless rows flagged in disguise
}

// evasionRows bounds the rows of each label that are disguised.
const evasionRows = 400

// evasions disguises attacks of dev that the built-in model catches, and harmless rows that it passes. The model has seen the
// rows in clear: what is measured is the disguise.
func evasions(c *detect.Classifier, dev []train.Row, threshold float64) ([]evasion, error) {
	var rows [2][]*train.Row
	for i := range dev {
		r := &dev[i]
		flagged := c.Score([]byte(r.Text), r.Trust()).Value >= threshold
		if len(r.Text) < 2000 && r.Kind != "harmful-plain" && flagged == (r.Label == 1) && len(rows[r.Label]) < evasionRows {
			rows[r.Label] = append(rows[r.Label], r)
		}
	}
	if len(rows[0]) == 0 || len(rows[1]) == 0 {
		return nil, errors.New("no rows to disguise")
	}
	random := train.NewRandom(7)
	var out []evasion
	for _, e := range train.Evasions() {
		v := evasion{name: e.Name, attacks: len(rows[1]), harmless: len(rows[0])}
		for label, of := range rows {
			for _, r := range of {
				if c.Score([]byte(e.Apply(r.Text, random)), r.Trust()).Value < threshold {
					continue
				}
				if label == 1 {
					v.caught++
				} else {
					v.wrong++
				}
			}
		}
		out = append(out, v)
	}
	return out, nil
}
