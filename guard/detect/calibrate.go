package detect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ErrCalibration means that a calibration cannot be used or does not hold enough harmless texts for what is asked.
var ErrCalibration = errors.New("detect: unusable calibration")

// A Group is a kind of traffic with a threshold of its own: scores of short and long texts, of languages and of routes are
// spread differently. Empty fields are a kind too.
type Group struct {
	Route  string `json:"route,omitempty"`
	Lang   string `json:"lang,omitempty"`
	Length string `json:"length,omitempty"` // see [LengthClass]
}

// LengthClass sorts texts by size, in bytes.
func LengthClass(size int) string {
	switch {
	case size <= 256:
		return "short"
	case size <= 4096:
		return "medium"
	}
	return "long"
}

// lengths are those that [LengthClass] returns, and that of groups that know none.
var lengths = [...]string{"", "short", "medium", "long"}

// maxCalibration bounds the JSON of a calibration, in bytes: a group of varied traffic takes some 2 KiB.
const maxCalibration = 4 << 20

// maxGroups bounds the memory of a calibration: 16 KiB for each group.
const maxGroups = 1024

// A Calibration counts scores of an operator's own harmless traffic. It holds no text. It is not safe for concurrent use.
type Calibration struct {
	groups map[Group]*Scores
	all    Scores
}

// NewCalibration returns an empty calibration.
func NewCalibration() *Calibration { return &Calibration{groups: make(map[Group]*Scores)} }

// Add counts the score of a harmless text. A length that is no class is unknown. Past about 1,000 groups texts of new ones are counted by their length alone.
//
// Whoever can have texts of his own counted raises thresholds: count texts that somebody has looked at, or of callers you trust. As long as fewer than a rate's share
// of the texts of a group are such, its threshold is no higher than its highest harmless text.
func (c *Calibration) Add(g Group, score float64) {
	c.all.Add(score)
	if !slices.Contains(lengths[:], g.Length) {
		g.Length = ""
	}
	s := c.groups[g]
	if s == nil && len(c.groups) >= maxGroups-len(lengths) {
		g = Group{Length: g.Length}
		s = c.groups[g]
	}
	if s == nil {
		s = new(Scores)
		c.groups[g] = s
	}
	s.Add(score)
}

// Scores returns the counts of a group, or those of all traffic where the group has fewer than least texts.
func (c *Calibration) Scores(g Group, least uint64) *Scores {
	if s := c.groups[g]; s != nil && s.N() >= least {
		return s
	}
	return &c.all
}

// Threshold returns the score from which at most the given share of a group's harmless traffic is flagged. A group with too few
// texts to say, ten above the threshold, takes that of all traffic.
// Errors unwrap to [ErrCalibration]: the rate is not between 0 and 1, or all traffic is too little.
func (c *Calibration) Threshold(g Group, rate float64) (float64, error) {
	if !(rate > 0 && rate < 1) {
		return math.Inf(1), fmt.Errorf("%w: a rate of %v", ErrCalibration, rate)
	}
	t := c.Scores(g, enough(rate)).Threshold(rate)
	if c.all.N() < enough(rate) || math.IsInf(t, 1) {
		return t, fmt.Errorf("%w: %d texts say nothing about a rate of %v", ErrCalibration, c.all.N(), rate)
	}
	return t, nil
}

// enough is how many texts say where a rate lies: ten above the threshold steady it, and with fewer a single one that is no harmless text decides.
func enough(rate float64) uint64 { return uint64(math.Ceil(10 / rate)) }

// A Profile is how strict a detector is.
type Profile string

// Profiles.
const (
	Monitor  Profile = "monitor"  // report what one harmless text in a hundred exceeds, block nothing
	Balanced Profile = "balanced" // block what one harmless text in a hundred exceeds
	Strict   Profile = "strict"   // block what one harmless text in twenty exceeds
)

// Rate returns the share of harmless texts that a profile accepts to flag, and whether it blocks.
// Errors unwrap to [ErrCalibration]: no profile has the name.
func (p Profile) Rate() (rate float64, blocks bool, err error) {
	switch p {
	case Monitor:
		return 0.01, false, nil
	case Balanced:
		return 0.01, true, nil
	case Strict:
		return 0.05, true, nil
	}
	return 0, true, fmt.Errorf("%w: no profile %q", ErrCalibration, string(p))
}

type groupScores struct {
	Group  Group   `json:"group"`
	Scores *Scores `json:"scores"`
}

// MarshalJSON writes the counts of all groups, in a fixed order.
func (c *Calibration) MarshalJSON() ([]byte, error) {
	out := []groupScores{}
	for _, g := range slices.SortedFunc(maps.Keys(c.groups), func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Lang, b.Lang), cmp.Compare(a.Length, b.Length))
	}) {
		out = append(out, groupScores{g, c.groups[g]})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Calibration) UnmarshalJSON(data []byte) error {
	var groups []groupScores
	// The one list that may be longer than that of the groups has a pair for each bin.
	if err := strictjson.Unmarshal(data, &groups, strictjson.Limits{MaxBytes: maxCalibration, MaxItems: max(maxGroups, scoreBins)}); err != nil {
		return fmt.Errorf("%w: %w", ErrCalibration, err)
	}
	n := NewCalibration()
	for _, g := range groups {
		if g.Scores == nil || n.groups[g.Group] != nil || len(n.groups) >= maxGroups || !slices.Contains(lengths[:], g.Group.Length) {
			return fmt.Errorf("%w: a group twice, empty, of no length, or one too many", ErrCalibration)
		}
		n.groups[g.Group] = g.Scores
		n.all.Merge(g.Scores)
	}
	*c = *n
	return nil
}
