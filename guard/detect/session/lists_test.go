package session

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The list of callers is in the order of use, from either end, whatever comes in which order, and the one that was away longest makes room.
func TestCallersInTheOrderOfUse(t *testing.T) {
	const most = 5
	d := &Detector{cfg: Config{Callers: most}, callers: map[uint64]*history{}}
	var want []uint64
	r := rand.New(rand.NewPCG(1, 2))
	for step := range 2000 {
		key := r.Uint64N(2*most) + 1
		d.history(key).score = float64(key)
		if i := slices.Index(want, key); i >= 0 {
			want = slices.Delete(want, i, i+1)
		} else if len(want) == most {
			want = want[1:]
		}
		want = append(want, key)
		var up, down []uint64
		for h := d.oldest; h != nil && len(up) <= most; h = h.next {
			up = append(up, h.key)
			if d.callers[h.key] != h || h.score != float64(h.key) {
				t.Fatalf("step %d: the history of caller %d is another", step, h.key)
			}
		}
		for h := d.newest; h != nil && len(down) <= most; h = h.prev {
			down = append(down, h.key)
		}
		slices.Reverse(down)
		if !slices.Equal(up, want) || !slices.Equal(down, want) || len(d.callers) != len(want) {
			t.Fatalf("step %d: %v and %v, want %v; %d in all", step, up, down, want, len(d.callers))
		}
	}
}

// A ring knows the latest hashes, each once, and forgets the one that came first.
func TestRing(t *testing.T) {
	var r ring
	for i := range uint64(3 * maxCounted) {
		if !r.add(i+1) || r.add(i+1) {
			t.Fatalf("%d is taken for another", i)
		}
		if first := i + 2 - min(i+1, maxCounted); r.add(first) || len(r.keys) > maxCounted {
			t.Fatalf("after %d hashes %d is forgotten; %d are kept", i+1, first, len(r.keys))
		}
	}
	if !r.add(2 * maxCounted) {
		t.Error("what left the ring is remembered")
	}
}

// The latest texts are kept, in the place of the oldest.
func TestRemembersTheLatest(t *testing.T) {
	const iterations = 3
	var h history
	for i := range 20 {
		h.remember(entry{at: time.Unix(int64(i), 0), whole: uint64(i)}, iterations)
		var got []uint64
		for _, e := range h.sketches {
			got = append(got, e.whole)
		}
		slices.Sort(got)
		if first := uint64(max(0, i+1-2*iterations)); got[0] != first || got[len(got)-1] != uint64(i) || len(got) != min(i+1, 2*iterations) {
			t.Fatalf("after text %d: %v", i, got)
		}
	}
}

// Hashes of one text in two parts differ, and none is what stands for nothing.
func TestKeysOfParts(t *testing.T) {
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{0: true}
	for _, k := range [][2]string{{"turn", "x"}, {"text", "x"}, {"turnx", ""}, {"tur", "nx"}, {"", "turnx"}, {"turn", "y"}} {
		key := d.key(k[0], []byte(k[1]))
		if seen[key] || key != d.key(k[0], []byte(k[1])) {
			t.Errorf("%q: the hash of another", k)
		}
		seen[key] = true
	}
}
