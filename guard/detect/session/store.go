package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

const (
	// minKey is the least length of a key that hides names: those of callers can be guessed, a key of this many bytes cannot.
	minKey = 16
	// parts is how finely a store counts weights.
	parts = 1000
)

// shared adds the weight of a request to what other processes know of its caller, and reports whether that is too much.
func (d *Detector) shared(ctx context.Context, name string, weight float64) (bool, error) {
	if d.cfg.Store == nil || weight == 0 {
		return false, nil
	}
	h := hmac.New(sha256.New, d.cfg.Key)
	h.Write([]byte("holdfast/session\x00" + name))
	most := int64(d.cfg.Escalation*parts) - 1 // one part more is too much
	n := int64(min(math.Ceil(weight*parts), float64(most)+1))
	budget := limit.Budget{Tokens: most, Window: 2 * d.cfg.HalfLife}
	who := hex.EncodeToString(h.Sum(nil))
	_, err := d.cfg.Store.Reserve(ctx, who, n, budget)
	x, much := errors.AsType[*limit.ExhaustedError](err)
	if much && x.Full { // that others have filled the store says nothing about this caller
		return false, fmt.Errorf("session: %w: %w", detect.ErrUnavailable, err)
	}
	if much = much || errors.Is(err, limit.ErrExhausted); much { // nothing was taken: what is too much counts all the same
		var until time.Time
		if until, err = d.cfg.Store.Reserve(ctx, who, 0, budget); err == nil {
			err = d.cfg.Store.Return(ctx, who, -n, until)
		}
		if errors.Is(err, limit.ErrExhausted) { // it was too much before
			err = nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("session: %w: %w", detect.ErrUnavailable, err)
	}
	return much, nil
}
