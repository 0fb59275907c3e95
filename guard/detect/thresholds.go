package detect

import (
	"fmt"
	"math"
)

// Thresholds are the scores from which a share of harmless traffic is flagged, by group. They are immutable and safe for
// concurrent use.
type Thresholds struct {
	all    float64
	groups map[Group]float64
}

// Thresholds works out the thresholds of all groups that have enough texts to say, and of what they have in common: those of
// one route and length in any language, of one language and length on any route, and of one length.
// Errors unwrap to [ErrCalibration], as those of [Calibration.Threshold].
func (c *Calibration) Thresholds(rate float64) (*Thresholds, error) {
	if !(rate > 0 && rate < 1) {
		return nil, fmt.Errorf("%w: a rate of %v", ErrCalibration, rate)
	}
	t := &Thresholds{all: c.all.Threshold(rate), groups: make(map[Group]float64)}
	if c.all.N() < enough(rate) || math.IsInf(t.all, 1) {
		return nil, fmt.Errorf("%w: %d texts say nothing about a rate of %v", ErrCalibration, c.all.N(), rate)
	}
	merged := make(map[Group]*Scores)
	for g, s := range c.groups {
		wider := map[Group]bool{g: true, {Route: g.Route, Length: g.Length}: true, {Lang: g.Lang, Length: g.Length}: true, {Length: g.Length}: true}
		for w := range wider {
			if merged[w] == nil {
				merged[w] = new(Scores)
			}
			merged[w].Merge(s)
		}
	}
	for g, s := range merged {
		if s.N() < enough(rate) {
			continue
		}
		// Texts that all have the highest score there is are no harmless ones: with them nothing of the group would ever be flagged.
		if t.groups[g] = s.Threshold(rate); math.IsInf(t.groups[g], 1) {
			return nil, fmt.Errorf("%w: a group of %d texts has no threshold", ErrCalibration, s.N())
		}
	}
	return t, nil
}

// At returns the threshold of a text of a language, which may be "" for unknown, and a length class. The routes are names of where it
// came from, the first that is known counts. Of the groups that hold such a text the narrowest decides.
func (t *Thresholds) At(lang, length string, routes ...string) float64 {
	langs := [...]string{lang, ""}
	for _, l := range langs {
		for _, r := range routes {
			if v, ok := t.groups[Group{Route: r, Lang: l, Length: length}]; ok {
				return v
			}
		}
	}
	for _, l := range langs {
		if v, ok := t.groups[Group{Lang: l, Length: length}]; ok {
			return v
		}
	}
	return t.all
}
