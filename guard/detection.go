package guard

import (
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// Detection says with which rules, and how strictly, texts are judged. The zero value is the built-in rules and thresholds.
type Detection struct {
	// RuleFile is a signed file of rules that takes the place of the built-in ones: a DSSE envelope of
	// [detect.RulesPayloadType] as text, which [WithRuleVerifier] checks. Its number must not be below that of the built-in
	// rules, and its last day must not be over when the policy takes effect.
	RuleFile string `json:"rule_file,omitempty" validate:"max=3145728"`
	// MinRules is the lowest number of rules that is accepted. A guard never goes back to rules of a lower number than it has,
	// whatever a policy says.
	MinRules uint64 `json:"min_rules,omitempty"`
	// Calibration sets the thresholds of [detect.RuleModel] by the operator's own harmless traffic.
	Calibration *Calibration `json:"calibration,omitempty"`
}

// Calibration holds counts of scores and what is made of them. `holdfast guard calibrate` writes it, but for the profile.
type Calibration struct {
	// Profile is how strict the model is: it sets the mode of [detect.RuleModel], which Rules must not list then, and the share
	// of harmless texts from which thresholds are worked out.
	Profile detect.Profile `json:"profile" validate:"required,oneof=monitor balanced strict"`
	// Detector is the digest, in hex, of the rules and the model that the scores are of. Others are refused.
	Detector string `json:"detector" validate:"required,len=64,hexadecimal"`
	// Groups are the scores by route, language and length. A route is a [Kind], or the role of a text, such as "user" or "tool".
	// It must not change while the policy is used.
	Groups *detect.Calibration `json:"groups" validate:"required"`
}

// WithRuleVerifier checks the envelopes of rule files: verify returns the payload of an envelope whose signer is trusted with
// the payload type given. Default: policies with a rule file are refused.
func WithRuleVerifier(verify func(payloadType string, envelope []byte) ([]byte, error)) Option {
	return func(o *options) { o.verify = verify }
}

// WithLanguage tells the language of a text, for the thresholds of [Calibration]. A caller can choose what he writes in, and so
// between the thresholds; "" stands for unknown. Default: unknown.
func WithLanguage(of func(text []byte) string) Option { return func(o *options) { o.language = of } }

// judging is the built-in detector of a policy.
type judging struct {
	rules      *detect.Rules // of a file; nil = built-in
	number     uint64
	ids        []string
	digest     [32]byte
	classifier *detect.Classifier // where the model is used
	thresholds *detect.Thresholds // nil = those of the model
	language   func([]byte) string
	profile    Mode // of the model, set by a calibration; "" = none
}

// judging opens what a policy says about detection.
func (g *Guard) judging(p *Policy) (*judging, error) {
	d := &p.Detection
	j := &judging{number: detect.RulesNumber(), ids: detect.IDs(), digest: detect.Digest(), language: g.language}
	least := max(d.MinRules, j.number)
	if last := g.policy.Load(); last != nil {
		least = max(least, last.judging.number)
	}
	if d.RuleFile != "" {
		r, err := detect.OpenRules([]byte(d.RuleFile), g.verify, least, time.Now())
		if err != nil {
			return nil, fmt.Errorf("%w: rule_file: %w", ErrPolicy, err)
		}
		j.rules, j.number, j.ids, j.digest = r, r.Number(), r.IDs(), detect.DigestWith(r)
	}
	if j.number < least {
		return nil, fmt.Errorf("%w: rules of number %d are below %d", ErrPolicy, j.number, least)
	}
	// One number stands for one set of rules, as for deny lists: else an old file could come back under the number of the last.
	if last := g.policy.Load(); last != nil && j.number == last.judging.number && j.digest != last.judging.digest {
		return nil, fmt.Errorf("%w: other rules of number %d are in force", ErrPolicy, j.number)
	}
	if c := d.Calibration; c != nil {
		if c.Detector != hex.EncodeToString(j.digest[:]) {
			return nil, fmt.Errorf("%w: the calibration is of another detector", ErrPolicy)
		}
		if _, ok := p.Rules[detect.RuleModel]; ok {
			return nil, fmt.Errorf("%w: the profile and the rules both set the mode of %s", ErrPolicy, detect.RuleModel)
		}
		rate, blocks, err := c.Profile.Rate()
		if err == nil {
			j.thresholds, err = c.Groups.Thresholds(rate)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: calibration: %w", ErrPolicy, err)
		}
		if j.profile = ModeMonitor; blocks {
			j.profile = ModeBlock
		}
	}
	return j, nil
}

// detector is the rules alone or, where the policy uses it, the rules and the model in one pass.
func (j *judging) detector(model bool) (Detector, error) {
	if !model {
		if j.rules != nil {
			return j.rules, nil
		}
		return detect.NewRules()
	}
	var err error
	if j.classifier, err = detect.New(); err != nil || j.rules == nil {
		return j.classifier, err
	}
	j.classifier, err = detect.NewClassifier(j.rules, j.classifier.Model(), nil)
	return j.classifier, err
}

// calibrated runs the classifier with the thresholds of a route.
func (j *judging) calibrated(kind Kind, v View, findings []Finding) []Finding {
	return j.classifier.DetectAt(v, findings, func(spans []Span) float64 {
		if spans[0].Trust >= detect.TrustOperator {
			return math.Inf(1) // the operator's own words
		}
		size, longest := 0, 0
		for i, s := range spans {
			if size += len(s.Text); len(s.Text) > len(spans[longest].Text) {
				longest = i
			}
		}
		lang := ""
		if j.language != nil {
			lang = j.language(spans[longest].Text)
		}
		return j.thresholds.At(lang, detect.LengthClass(size), string(kind), spans[0].Role.String())
	})
}
