package detect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// RuleModel is the finding of a [Classifier].
const RuleModel = "injection.model"

// A Classifier scores texts by the rules and the linear model together. It is immutable and safe for concurrent use.
type Classifier struct {
	rules     *Rules
	model     *Model
	threshold [3]float64 // by trust; +Inf never flags
	weight    [3][]float64
	pool      sync.Pool // *scoring
}

// A Score is what a classifier says about one text.
type Score struct {
	Value   float64         // log-odds of the region that looks most like an attack, in the reading that does; compare it with thresholds, or turn it into a p-value with [Scores.PValue]
	Windows [scales]float64 // of it, the linear model's highest windows, by width
	Blocks  int             // of the text as it was read, about 100 bytes each
	Known   float64         // how much the model knows of the words there: 0 nothing, 0.15 is usual, more than 0.17 counts no more
	Rules   uint64          // bits of the rules that count, in the order of [Rules.WordRules]: they fired there, or in another reading alone
	Start   int             // of the highest middle window in the text, in bytes
	End     int
	Unread  bool // the text holds more disguises than the model looks at: Value is above all thresholds, unless the text is the operator's
}

// maxLength is the log2 of the blocks from which on a text counts as no longer, some nine kilobytes: rows of training are seldom longer, and no attack is
// to be hidden by more and more text around it.
const maxLength = 6

// Length is the log2 of the number of blocks, as the combination takes it.
func (s *Score) Length() float64 { return min(math.Log2(float64(max(s.Blocks, 1))), maxLength) }

var errThreshold = errors.New("detect: no usable threshold")

// NewClassifier joins rules and a model. thresholds are the scores from which [Classifier.Detect] reports, by [Trust];
// nil takes those at which 0.1 % of the harmless texts of the model's card are flagged, and never flags the operator's; a card that counts too few
// texts to say is an error then. A weight of the card for a rule that is not among rules counts for nothing: an operator's own file need not have all that the
// model was trained beside; [Classifier.Unmatched] lists them.
func NewClassifier(rules *Rules, model *Model, thresholds map[Trust]float64) (*Classifier, error) {
	if rules == nil || model == nil {
		return nil, errors.New("detect: a classifier needs rules and a model")
	}
	c := &Classifier{rules: rules, model: model}
	t := model.card.Benign.Threshold(0.001)
	c.threshold = [3]float64{TrustNone: t, TrustUser: t, TrustOperator: math.Inf(1)}
	if thresholds == nil && math.IsInf(t, 1) {
		return nil, fmt.Errorf("%w: the model's card counts too few harmless texts for one", errThreshold)
	}
	if thresholds != nil {
		c.threshold = [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
		for trust, t := range thresholds {
			if math.IsNaN(t) || trust > TrustOperator {
				return nil, fmt.Errorf("%w: not a number, or of no trust", errThreshold)
			}
			c.threshold[trust] = t
		}
	}
	for trust := range c.weight {
		c.weight[trust] = make([]float64, len(rules.rules))
		for i, r := range rules.rules {
			c.weight[trust][i] = model.card.Combine.Rules[r.ID]
			if Trust(trust) == TrustNone {
				c.weight[trust][i] += model.card.Combine.Outside[r.ID]
			}
		}
	}
	c.pool.New = func() any {
		return &scoring{scratch: rules.pool.New().(*scratch)}
	}
	return c, nil
}

// New joins the built-in rules and the built-in model at the built-in thresholds.
func New() (*Classifier, error) {
	rules, err := NewSignals()
	if err != nil {
		return nil, err
	}
	model, err := NewModel()
	if err != nil {
		return nil, err
	}
	return NewClassifier(rules, model, nil)
}

// Score judges one text of the given trust.
func (c *Classifier) Score(text []byte, trust Trust) Score {
	s := c.pool.Get().(*scoring)
	spans := [1]Span{{Trust: trust, Text: text}}
	var out Score
	out, s.findings = c.score(s, spans[:], 0, s.findings[:0])
	c.put(s)
	return out
}

func (c *Classifier) put(s *scoring) {
	if s.small() {
		c.pool.Put(s)
	}
}

// Detect reports what [Rules.Detect] does, in the same pass, and neighbouring spans of the same role and trust whose common text
// scores at least the threshold.
func (c *Classifier) Detect(_ context.Context, v View, findings []Finding) ([]Finding, error) {
	return c.DetectAt(v, findings, nil), nil
}

// DetectAt is [Classifier.Detect] with thresholds of the caller's: at returns the score from which neighbouring spans of one role
// and trust are reported. It keeps nothing of them. Nil takes those of the classifier.
func (c *Classifier) DetectAt(v View, findings []Finding, at func(spans []Span) float64) []Finding {
	findings, _ = c.detectAt(v, findings, at)
	return findings
}

// detectAt also returns the highest score of texts that are not the operator's.
func (c *Classifier) detectAt(v View, findings []Finding, at func(spans []Span) float64) (_ []Finding, highest float64) {
	highest = math.Inf(-1)
	s := c.pool.Get().(*scoring)
	for i := 0; i < len(v.Spans); {
		j := i + 1
		for j < len(v.Spans) && v.Spans[j].Role == v.Spans[i].Role && v.Spans[j].Trust == v.Spans[i].Trust {
			j++
		}
		var score Score
		score, findings = c.score(s, v.Spans[i:j], i, findings)
		if v.Spans[i].Trust < TrustOperator {
			highest = max(highest, score.Value)
		}
		threshold := c.threshold[min(v.Spans[i].Trust, TrustOperator)]
		if at != nil {
			threshold = at(v.Spans[i:j])
		}
		if score.Value >= threshold {
			f := Finding{Rule: RuleModel, Category: "LLM01", Span: j - 1}
			if j == i+1 {
				f.Start, f.End = score.Start, min(score.End, len(v.Spans[i].Text))
			}
			findings = append(findings, f)
		}
		i = j
	}
	c.put(s)
	return findings, highest
}

var _ Detector = (*Classifier)(nil)

// Model returns the model of the classifier.
func (c *Classifier) Model() *Model { return c.model }

// Rules returns the rules of the classifier.
func (c *Classifier) Rules() *Rules { return c.rules }

// Unmatched lists the rules, sorted, that the model's card has weights for and that are not among the classifier's: of a file of other rules, or misspelt.
func (c *Classifier) Unmatched() []string {
	known := make(map[string]bool, len(c.rules.rules))
	for _, r := range c.rules.rules {
		known[r.ID] = true
	}
	var ids []string
	for _, set := range []map[string]float64{c.model.card.Combine.Rules, c.model.card.Combine.Outside} {
		for id := range set {
			if !known[id] && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// Digest identifies the rules and the model: thresholds that were counted with others mean nothing for these.
func (c *Classifier) Digest() [32]byte { return digestOf(c.rules.digest, c.model.digest) }
