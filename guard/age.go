package guard

import (
	"errors"
	"net/http"
	"time"
)

var (
	errAge  = errors.New("guard: the answer takes too long")
	errIdle = errors.New("guard: the stream stands still")
	errHeld = errors.New("guard: events were held back for too long")
)

// age is how long the answer may take: by the policy it began with, and by the one in force.
func (t *Transaction) age() time.Duration {
	return time.Duration(min(t.pol.Limits.AnswerSeconds, t.g.policy.Load().Limits.AnswerSeconds)) * time.Second
}

func (t *Transaction) idleTime() time.Duration {
	return time.Duration(t.pol.Limits.IdleSeconds) * time.Second
}

func (t *Transaction) holdTime() time.Duration {
	return time.Duration(t.pol.Limits.HoldMillis) * time.Millisecond
}

func (t *Transaction) pause() time.Duration {
	return time.Duration(t.pol.Limits.BeatMillis) * time.Millisecond
}

// late refuses to go on with an answer that began too long ago, or whose events are held for too long.
func (t *Transaction) late(began, now time.Time) *Rejection {
	switch {
	case now.Sub(began) >= t.age():
		return &Rejection{Code: CodeTimeout, Status: http.StatusGatewayTimeout, Err: errAge}
	case !t.waiting.IsZero() && now.Sub(t.waiting) >= t.holdTime():
		return &Rejection{Code: CodeTimeout, Status: http.StatusGatewayTimeout, Err: errHeld}
	}
	return nil
}

// overdue is late for servers that have no clock of their own.
func (t *Transaction) overdue() *Rejection { return t.late(t.began, time.Now()) }
