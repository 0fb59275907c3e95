package judge

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// share is how many of the latest requests were asked about, in 1, with a memory of some thousand requests.
type share struct {
	part float64
	at   uint64 // number of the request that it was last looked at
}

const memory = 1.0 / 2048

// look returns the share as it is at request number n.
func (s *share) look(n uint64) float64 {
	s.part *= math.Pow(1-memory, float64(n-s.at))
	s.at = n
	return s.part
}

// who returns a hash of the caller's name, 0 without one.
func (j *Judge) who(ctx context.Context) uint64 {
	name := j.cfg.Caller(ctx)
	if name == "" {
		return 0
	}
	return max(maphash.String(j.seed, name), 1)
}

// admit decides whether to ask. What is too long is no question: it takes neither of the share nor the one question after a pause.
func (j *Judge) admit(inside, tooLong bool, who uint64) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Requests++
	if !inside {
		return false, nil
	}
	var err error
	var own *share
	if who != 0 {
		own = &j.callers[who%uint64(len(j.callers))]
	}
	n := j.stats.Requests
	switch {
	case tooLong:
		err = errText
	case j.failures >= j.cfg.Failures && (j.probing || j.cfg.Now().Before(j.until)):
		err = errPause
	case j.recent.look(n) > j.cfg.MaxShare, own != nil && own.look(n) > j.cfg.MaxShare/2:
		err = errShare
	}
	if err != nil {
		j.stats.Unavailable++
		return false, fmt.Errorf("judge: %w: %w", detect.ErrUnavailable, err)
	}
	j.recent.part += memory
	if own != nil {
		own.part += memory
	}
	j.probing = j.failures >= j.cfg.Failures
	j.stats.Asked++
	return true, nil
}

// done counts an answer, and reports whether the judge has failed so often that it must be asked for itself: until that is [Judge.checked] nobody else is. A
// caller that went away says nothing about the judge.
func (j *Judge) done(flagged bool, err error, gone bool) (check bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.probing = false
	switch {
	case err == nil:
		j.failures = 0
		if flagged {
			j.stats.Flagged++
		}
		return false
	case errors.Is(err, errBody), errors.Is(err, errTaken), errors.Is(err, errUnread):
		j.stats.Unavailable++
		return false
	}
	j.stats.Unavailable++
	if gone {
		return false
	}
	if j.failures++; j.failures < j.cfg.Failures || j.checking {
		return false
	}
	j.until, j.checking = j.cfg.Now().Add(j.cfg.Pause), true
	return true
}

// checked says whether the judge answers.
func (j *Judge) checked(answers bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.checking = false; answers {
		j.failures = 0
	}
}
