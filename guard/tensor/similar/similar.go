// Package similar notices series of inputs that differ little from one another, as attacks leave them that search for an
// adversarial input, or copy a model, by asking again and again.
//
// Each input leaves two fingerprints: keyed hashes of windows of coarse values (after Blacklight, USENIX Security 2022),
// which survive local changes, and a coarse picture of block means, which survives noise on every value. An exact repeat is
// counted apart: clients retry.
//
// # What a signal is for
//
// It is evidence against a client over time: log it, slow down, answer with labels only, ask for another factor. Never
// answer "refused: similar": the refusal itself is an oracle that attacks steer by (OARS, CCS 2023). Noise beyond what the
// block means absorb, and low-frequency changes, evade both fingerprints; docs/adversarial.md has the rates.
package similar

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// ErrConfig means that a detector cannot work as configured.
var ErrConfig = errors.New("similar: unusable configuration")

// Config describes the inputs and what counts as similar. The zero value of a field with a default takes it.
type Config struct {
	Shape         []int64 // of every input, all dimensions above 0
	Rows, Columns int     // index of the dimensions that are height and width; the others are averaged in the picture
	Max           float64 // of a value; values are from 0 to it: 1 or 255

	Window  int // values in a hashed window; default 20
	Keep    int // hashes kept of one input; default 50, at most 256
	Matches int // hashes in common that make two inputs similar; default half of Keep

	// Distance is the largest root mean square difference of two pictures, as a share of Max, that makes inputs similar. It
	// depends on the inputs: see [Calibrate]. There is no default.
	Distance float64

	History int           // inputs remembered; default 10,000, at most 1,000,000: about 1 KB each
	Age     time.Duration // how long they are; default 1 hour
	Now     func() time.Time
}

const (
	// grid is the number of blocks of a picture along each side.
	grid = 7
	// quantum is the width of the coarse values, of 256.
	quantum = 50
	// maxElements bounds an input: its salt takes a byte for each element.
	maxElements = 1 << 24
	// postings bounds the inputs that are looked at for one hash: flat pictures share theirs with many.
	postings = 64
)

// A Signal says what an input has in common with those before it.
type Signal struct {
	Duplicate bool // the same bytes were seen; nothing else is set then
	Exact     bool // window hashes: Matches of one earlier input
	Near      bool // block means: within Distance of one earlier input

	Matches  int     // largest number of window hashes in common
	Distance float64 // smallest distance of pictures; +Inf if there was none
}

// Any reports whether either fingerprint matched.
func (s Signal) Any() bool { return s.Exact || s.Near }

// A Detector remembers inputs of one model, of all its clients: attackers change accounts. It is safe for concurrent use,
// and its memory is bounded.
type Detector struct {
	cfg   Config
	n     int
	salt  []byte // of each element, so that no attacker can tell where coarse values change
	base  uint64 // of the rolling hash
	drop  uint64 // base^Window
	seed  maphash.Seed
	space grids

	mu    sync.Mutex
	ring  []entry
	next  int
	whole map[uint64]int32
	index map[uint64][]int32
}

// entry is what is remembered of an input.
type entry struct {
	at      time.Time // zero = none
	content uint64
	hashes  []uint64
	picture picture
}

// New returns an empty detector. Errors unwrap to [ErrConfig].
func New(c Config) (*Detector, error) {
	n, err := tensor.Elements(c.Shape)
	c.Window, c.Keep, c.History = cmp.Or(c.Window, 20), cmp.Or(c.Keep, 50), cmp.Or(c.History, 10_000)
	c.Matches = cmp.Or(c.Matches, c.Keep/2)
	if c.Age == 0 {
		c.Age = time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	case n < 1 || n > maxElements || int64(c.Window) > n || c.Window < 2:
		return nil, fmt.Errorf("%w: %d elements", ErrConfig, n)
	case c.Rows < 0 || c.Columns < 0 || c.Rows >= len(c.Shape) || c.Columns >= len(c.Shape) || c.Rows == c.Columns:
		return nil, fmt.Errorf("%w: rows and columns", ErrConfig)
	case c.Keep < 1 || c.Keep > 256 || c.Matches < 1 || c.Matches > c.Keep:
		return nil, fmt.Errorf("%w: hashes", ErrConfig)
	case c.History < 1 || c.History > 1_000_000 || c.Age < 0:
		return nil, fmt.Errorf("%w: history", ErrConfig)
	case !(c.Max > 0) || math.IsInf(c.Max, 0) || !(c.Distance > 0) || c.Distance > 1:
		return nil, fmt.Errorf("%w: Max or Distance", ErrConfig)
	}
	d := &Detector{
		cfg: c, n: int(n), salt: make([]byte, n), seed: maphash.MakeSeed(), space: gridsOf(c),
		ring: make([]entry, c.History), whole: make(map[uint64]int32), index: make(map[uint64][]int32),
	}
	var base [8]byte
	for _, b := range [][]byte{d.salt, base[:]} {
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
	}
	d.base, d.drop = binary.LittleEndian.Uint64(base[:])|1, 1
	for range c.Window {
		d.drop *= d.base
	}
	return d, nil
}

// Observe compares an input with those before it and remembers it. v must be dense, of type U8 or F32, of the configured
// shape; values outside 0 to Max count as the nearest of them. Errors: [tensor.ErrTensor].
func (d *Detector) Observe(v tensor.View) (Signal, error) {
	values, err := d.values(v)
	if err != nil {
		return Signal{}, err
	}
	e := entry{at: d.cfg.Now(), content: maphash.Bytes(d.seed, v.Data), hashes: d.windows(values), picture: d.space.of(values)}
	d.mu.Lock()
	defer d.mu.Unlock()
	if i, ok := d.whole[e.content]; ok && d.fresh(&d.ring[i], e.at) {
		return Signal{Duplicate: true, Distance: math.Inf(1)}, nil
	}
	s := d.compare(&e)
	d.remember(e)
	return s, nil
}

func (d *Detector) fresh(e *entry, now time.Time) bool {
	return !e.at.IsZero() && now.Sub(e.at) <= d.cfg.Age
}

// compare looks for the most similar of the inputs that are remembered.
func (d *Detector) compare(e *entry) Signal {
	s := Signal{Distance: math.Inf(1)}
	counts := make(map[int32]int)
	for _, h := range e.hashes {
		for _, i := range d.index[h] {
			if d.fresh(&d.ring[i], e.at) {
				counts[i]++
				s.Matches = max(s.Matches, counts[i])
			}
		}
	}
	for i := range d.ring {
		if d.fresh(&d.ring[i], e.at) {
			s.Distance = min(s.Distance, e.picture.distance(&d.ring[i].picture))
		}
	}
	s.Exact, s.Near = s.Matches >= d.cfg.Matches, s.Distance <= d.cfg.Distance
	return s
}

// remember puts e in the place of the oldest input.
func (d *Detector) remember(e entry) {
	at := int32(d.next)
	d.next = (d.next + 1) % len(d.ring)
	old := &d.ring[at]
	if !old.at.IsZero() {
		if d.whole[old.content] == at {
			delete(d.whole, old.content)
		}
		for _, h := range old.hashes {
			d.forget(h, at)
		}
	}
	*old = e
	d.whole[e.content] = at
	for _, h := range e.hashes {
		p := d.index[h]
		if len(p) == postings {
			p = append(p[:0], p[1:]...)
		}
		d.index[h] = append(p, at)
	}
}

func (d *Detector) forget(h uint64, at int32) {
	p := d.index[h]
	for i, x := range p {
		if x == at {
			p = append(p[:i], p[i+1:]...)
			break
		}
	}
	if len(p) == 0 {
		delete(d.index, h)
		return
	}
	d.index[h] = p
}
