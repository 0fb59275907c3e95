package cases

import (
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// A Latency is how long single calls take. It is reported and gates nothing.
type Latency struct {
	Name          string
	P50, P90, P99 time.Duration
}

// latencyCalls is how many calls make a median.
const latencyCalls = 1000

// RandomReads measures reads of 64 KiB at random offsets of a sealed file in the page cache, by segment size.
func RandomReads() ([]Latency, error) {
	var out []Latency
	for _, s := range []struct {
		segment int
		label   string
	}{{4 << 10, "4KiB"}, {64 << 10, "64KiB"}, {1 << 20, "1MiB"}} {
		f, err := newSealedFile(s.segment)
		if err != nil {
			return nil, err
		}
		file, err := unlinked(f.sealed)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		r, err := seal.NewReaderAt(file, int64(len(f.sealed)), f.handle, f.ad)
		if err != nil {
			return nil, err
		}
		p, took := make([]byte, 64<<10), make([]time.Duration, latencyCalls)
		for i := range took {
			off := rand.Int64N(r.Size() - int64(len(p)))
			start := time.Now()
			if _, err := r.ReadAt(p, off); err != nil {
				return nil, err
			}
			took[i] = time.Since(start)
		}
		out = append(out, newLatency("seal/readat/64KiB of "+s.label+" segments", took))
	}
	return out, nil
}

func newLatency(name string, took []time.Duration) Latency {
	slices.Sort(took)
	return Latency{name, took[len(took)/2], took[len(took)*9/10], took[len(took)*99/100]}
}

// unlinked is a file that holds b and is gone when it is closed.
func unlinked(b []byte) (*os.File, error) {
	f, err := os.CreateTemp("", "holdfast-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	_, err = f.Write(b)
	return f, err
}
