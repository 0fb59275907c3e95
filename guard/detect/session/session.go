// Package session notices attacks that are spread over several requests of one caller: an injection in parts, a conversation
// that is steered step by step, one prompt tried again and again with small changes until it works.
//
//	s, err := session.New(session.Config{})
//	g, err := guard.New(policy, guard.WithDetector(s, session.IDs()...))
//
// It is a [detect.Detector] behind the others: what they found in a request adds to the score of its caller, which fades with
// time, and so does, with [Config].PValue, what they were not sure enough of. What it knows is this process's alone. Texts are kept as sketches (MinHash of keyed shingle hashes) from which none can be read, in bounded memory. It is a
// signal: set its rules to monitor, and act on callers rather than on requests.
package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/guard/caller"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// Rules of findings.
const (
	RuleEscalation = "session.escalation" // findings of one caller add up
	RuleIteration  = "session.iteration"  // one caller sends many texts that differ little
	RuleSplit      = "session.split"      // turns of a conversation look like an attack together, and none of them alone
)

// Category is the OWASP LLM 2025 id of all findings.
const Category = "LLM01"

// IDs lists the rules.
func IDs() []string { return []string{RuleEscalation, RuleIteration, RuleSplit} }

// ErrConfig means that a detector cannot work as configured.
var ErrConfig = errors.New("session: unusable configuration")

// Config says what is too much. A zero field takes the default.
type Config struct {
	// Weight is what a finding of another detector counts; default 1 for each. Findings that the policy drops count too. Those of old turns count once,
	// for as long as the turn is among the latest 64 of the caller's: conversations are sent again whole.
	Weight func(rule string) float64
	// PValue rates a text: the share of harmless texts that look at least as much like an attack, for example
	//
	//	func(text []byte) float64 { return c.Model().Card().Benign.PValue(c.Score(text, detect.TrustUser).Value) }
	//
	// With it turns add up that no detector reports, and payloads are seen that are split over the turns of a conversation. It must be safe for concurrent use.
	// Default nil: findings alone count.
	PValue func(text []byte) float64
	// Escalation is the score from which requests are reported, below a million; default 4.
	Escalation float64
	// HalfLife is the time in which a score falls to its half; default 10 minutes.
	HalfLife time.Duration
	// Iterations is how many similar texts of one caller within Window are reported; default 8, at most 64. Exact repeats do
	// not count: clients retry.
	Iterations int
	// Window is how long texts are remembered; default 10 minutes.
	Window time.Duration
	// Similarity is the share of shingles in common from which two texts are similar, 0 to 1; default 0.6.
	Similarity float64
	// Callers bounds the memory: about 6 kB each, and 600 bytes more for each of Iterations beyond 8; default 10,000. When it is full the caller that was idle longest is forgotten.
	Callers int
	// Store adds up findings of callers over all processes that share it; default nil, those of this process. It knows callers by hashes keyed with Key, at
	// least 16 bytes and the same for all, and texts not at all. What it counts does not fade: it ends after twice HalfLife. Where it fails, the check did not happen.
	Store limit.Store
	Key   []byte
	// Caller names the caller; default: who package caller has authenticated. Requests without a name are not followed.
	Caller func(context.Context) string
	Now    func() time.Time
}

// A Detector follows callers. It is safe for concurrent use.
type Detector struct {
	cfg  Config
	seed maphash.Seed
	salt [sketchSize]uint64

	mu      sync.Mutex
	callers map[uint64]*history
	oldest  *history // ends of a list in the order of use
	newest  *history
}

var _ detect.Detector = (*Detector)(nil)

// history is what is known of one caller.
type history struct {
	key        uint64
	prev, next *history
	score      float64
	doubt      float64 // of turns that were passed
	at         time.Time
	counted    ring    // findings of old turns, and turns
	sketches   []entry // the latest, in a ring
	ring       int
}

type entry struct {
	at     time.Time
	whole  uint64
	sketch sketch
}

// maxScore bounds what is known of a caller: scores beyond it would not fade within a day.
const maxScore = 1e6

// New returns a detector that knows nobody. Errors: [ErrConfig].
func New(c Config) (*Detector, error) {
	if c.Weight == nil {
		c.Weight = func(string) float64 { return 1 }
	}
	c.Escalation, c.Similarity = cmp.Or(c.Escalation, 4), cmp.Or(c.Similarity, 0.6)
	c.HalfLife, c.Window = cmp.Or(c.HalfLife, 10*time.Minute), cmp.Or(c.Window, 10*time.Minute)
	c.Iterations, c.Callers = cmp.Or(c.Iterations, 8), cmp.Or(c.Callers, 10_000)
	if c.Caller == nil {
		c.Caller = func(ctx context.Context) string {
			id, _ := caller.FromContext(ctx)
			return id.ID
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if !(c.Escalation > 0 && c.Escalation < maxScore) || !(c.Similarity > 0 && c.Similarity <= 1) || c.HalfLife < 0 || c.Window < 0 || c.Iterations < 2 || c.Iterations > 64 || c.Callers < 1 {
		return nil, fmt.Errorf("%w: out of range", ErrConfig)
	}
	if c.Store != nil && (len(c.Key) < minKey || c.Escalation < 2.0/parts) {
		return nil, fmt.Errorf("%w: a store needs a key of %d bytes", ErrConfig, minKey)
	}
	d := &Detector{cfg: c, seed: maphash.MakeSeed(), callers: make(map[uint64]*history)}
	var b [8 * sketchSize]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	for i := range d.salt {
		d.salt[i] = binary.LittleEndian.Uint64(b[8*i:]) | 1
	}
	return d, nil
}

// Detect implements [detect.Detector]. Errors are those of the store, and unwrap to [detect.ErrUnavailable].
func (d *Detector) Detect(ctx context.Context, v detect.View, findings []detect.Finding) ([]detect.Finding, error) {
	name := d.cfg.Caller(ctx)
	if name == "" {
		return findings, nil
	}
	found, sum := d.counts(v, findings)
	doubt := d.suspect(v)
	key, now := maphash.String(d.seed, name), d.cfg.Now()
	e := entry{at: now}
	e.sketch, e.whole = d.latest(v, d.known(key, now))
	got := d.follow(key, &e, found, doubt)
	elsewhere, err := d.shared(ctx, name, got.added)
	if err != nil {
		return findings, err
	}
	if (got.score >= d.cfg.Escalation || elsewhere) && sum < d.cfg.Escalation || got.doubt >= doubtful { // alone it is the other detectors' finding
		findings = append(findings, detect.Finding{Rule: RuleEscalation, Category: Category})
	}
	if doubt.split {
		findings = append(findings, detect.Finding{Rule: RuleSplit, Category: Category})
	}
	if got.similar >= d.cfg.Iterations-1 {
		findings = append(findings, detect.Finding{Rule: RuleIteration, Category: Category})
	}
	return findings, nil
}

// standing is how a caller stands after a request.
type standing struct {
	score, doubt float64
	added        float64 // to the score
	similar      int     // remembered texts
}

// follow adds a request to what is known of its caller.
func (d *Detector) follow(key uint64, e *entry, found []count, doubt suspicion) (s standing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.history(key)
	if dt := e.at.Sub(h.at); dt > 0 { // a clock that is set back lets nothing fade
		fade := math.Exp2(-float64(dt) / float64(d.cfg.HalfLife))
		h.score, h.doubt, h.at = h.score*fade, h.doubt*fade, e.at
	}
	for _, c := range found {
		if c.old == 0 || h.counted.add(c.old) {
			s.added = min(s.added+c.weight, maxScore)
		}
	}
	h.score = min(h.score+s.added, maxScore)
	for i, t := range doubt.turns {
		if i < len(doubt.turns)-1 { // the caller may have written it
			t.doubt = max(t.doubt, 0)
		}
		if h.counted.add(t.turn) {
			h.doubt = min(max(h.doubt+t.doubt, 0), 2*doubtful)
		}
	}
	s.score, s.doubt = h.score, h.doubt
	if !e.sketch.empty() {
		s.similar = d.similar(h, e)
		h.remember(*e, d.cfg.Iterations)
	}
	return s
}

// key is a keyed hash of something of a text, never 0.
func (d *Detector) key(what string, text []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	h.WriteString(what)
	h.WriteByte(0)
	h.Write(text)
	return max(h.Sum64(), 1)
}

// known tells which texts of a caller are remembered, by their hashes, and that they were sent again now.
func (d *Detector) known(key uint64, now time.Time) func(whole uint64) bool {
	return func(whole uint64) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		h := d.callers[key]
		if h == nil {
			return false
		}
		for i := range h.sketches {
			if h.sketches[i].whole == whole {
				h.sketches[i].at = now
				return true
			}
		}
		return false
	}
}

// similar counts the remembered texts that are similar to e and not the same.
func (d *Detector) similar(h *history, e *entry) int {
	n := 0
	for i := range h.sketches {
		o := &h.sketches[i]
		if e.at.Sub(o.at) <= d.cfg.Window && o.whole != e.whole && o.sketch.similarity(&e.sketch) >= d.cfg.Similarity {
			n++
		}
	}
	return n
}

// remember keeps e, in the place of the oldest if there are twice as many as are counted.
func (h *history) remember(e entry, iterations int) {
	if len(h.sketches) < 2*iterations {
		h.sketches = append(h.sketches, e)
		return
	}
	h.sketches[h.ring] = e
	h.ring = (h.ring + 1) % len(h.sketches)
}

// history finds a caller, and makes room for one that is new.
func (d *Detector) history(key uint64) *history {
	h := d.callers[key]
	if h == nil {
		if len(d.callers) >= d.cfg.Callers {
			delete(d.callers, d.oldest.key)
			d.unlink(d.oldest)
		}
		h = &history{key: key}
		d.callers[key] = h
	} else {
		d.unlink(h)
	}
	h.prev, h.next = d.newest, nil
	if d.newest != nil {
		d.newest.next = h
	} else {
		d.oldest = h
	}
	d.newest = h
	return h
}

func (d *Detector) unlink(h *history) {
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		d.oldest = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	} else {
		d.newest = h.prev
	}
}
