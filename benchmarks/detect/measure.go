package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

// configured is the false-positive rate that the reported threshold is set for.
const configured = 0.01

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
	s.named = append(s.named, s.atThreshold(c, namedMaths, train.Maths()))
	for _, g := range []struct {
		what string
		rows []byte
	}{{namedEveryday, everydayRows}, {namedProse, proseRows}, {namedForms, formRows}} {
		measured, err := train.Read(bytes.NewReader(g.rows))
		if err != nil {
			return nil, err
		}
		s.named = append(s.named, s.atThreshold(c, g.what, measured))
	}
	s.named = append(s.named, s.seen(c, rows)...)
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

// Names of groups of harmless rows that an aim is set for.
const (
	namedTechnical = "technical documents"
	namedQuoting   = "documents that quote attacks"
	namedLanguages = "texts of twelve languages (xquad)"
	namedEnglish   = "maths in English (gsm8k)"
	namedCode      = "code"
	namedMaths     = "maths in ten languages, at the configured threshold"
	namedEveryday  = "everyday requests in 33 languages, at the configured threshold"
	namedProse     = "notices, articles and manuals in 35 languages, at the configured threshold"
	namedForms     = "requests that say what the answer may hold, at the configured threshold"
	namedSeen      = "what the model was trained on, at the configured threshold"
	namedWorst     = "that of the source of which it flags most"
)

// everydayRows are requests such as anybody sends, for measuring alone: no model is trained on them.
//
//go:embed everyday.jsonl
var everydayRows []byte

// proseRows are short texts of offices, reference works and manuals, for measuring alone: no model is trained on them.
//
//go:embed prose.jsonl
var proseRows []byte

// formRows are requests for code only, one word, a table and nothing else, for measuring alone: no model is trained on them.
//
//go:embed forms.jsonl
var formRows []byte

// seen counts the harmless rows that the model was trained on, and those of the source of which it flags most. Models that have not seen a source say nothing of what
// the built-in one makes of it: such a one flagged two in three requests of a source, which all of the others passed.
func (s *scorecard) seen(c *detect.Classifier, rows []train.Row) []named {
	of := make(map[string][]train.Row)
	for _, r := range rows {
		if r.Label == 0 {
			of[r.Source] = append(of[r.Source], r)
		}
	}
	all, worst := named{what: namedSeen, five: -1}, named{what: namedWorst, five: -1}
	for _, source := range slices.Sorted(maps.Keys(of)) {
		n := s.atThreshold(c, namedWorst, of[source])
		all.one, all.rows = all.one+n.one, all.rows+n.rows
		if worst.rows == 0 || n.one*worst.rows > worst.one*n.rows {
			worst = n
		}
	}
	return []named{all, worst}
}

// atThreshold counts the rows that reach the threshold, which are of no source that was left out.
func (s *scorecard) atThreshold(c *detect.Classifier, what string, rows []train.Row) named {
	n := named{what: what, five: -1, rows: len(rows)}
	for _, r := range rows {
		if c.Score([]byte(r.Text), r.Trust()).Value >= s.threshold {
			n.one++
		}
	}
	return n
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
		{namedTechnical, func(r *train.Row) bool { return r.Source == "docs-permissive" && r.Kind == "benign" }},
		{namedQuoting, func(r *train.Row) bool { return r.Source == "docs-permissive" && r.Kind == "benign-hard" }},
		{namedLanguages, func(r *train.Row) bool { return r.Source == "xquad" }},
		{namedEnglish, func(r *train.Row) bool { return r.Source == "gsm8k" }},
		{namedCode, func(r *train.Row) bool { return r.Source == "go-stdlib" || r.Source == "humanevalpack" }},
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

// language is the code of what a row says it is in; what it does not say is not guessed.
func language(r *train.Row) string {
	if r.Lang == "" {
		return "not stated"
	}
	return train.Language(r.Lang)
}
