package guard

import (
	"errors"
	"net/http"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// close ends the clock. After it nothing touches the connection.
func (w *responseWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop()
}

func (w *responseWriter) stop() {
	w.over = true
	w.clock.Stop()
}

// tick is the clock: it ends answers that are too old and events that are held for too long, and lets the caller know that
// a stream lives while its events are held.
func (w *responseWriter) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	defer func() {
		if p := recover(); p != nil { // of a writer around the guard, say: nobody above here would catch it
			w.over = true
			w.cancel()
		}
	}()
	now := time.Now()
	rej := w.tx.late(w.begun, now)
	if rej == nil && w.flows() && now.Sub(w.last) >= w.tx.idleTime() {
		rej = &Rejection{Code: CodeTimeout, Status: http.StatusGatewayTimeout, Err: errIdle}
	}
	if rej != nil {
		w.deny(w.tx.verdict(rej).Rejection)
		return
	}
	if !w.tx.waiting.IsZero() {
		w.alive(now)
	}
	if !w.over {
		w.clock.Reset(w.next())
	}
}

// alive lets the caller know that the stream lives, by a comment, where nothing was sent for a while.
func (w *responseWriter) alive(now time.Time) {
	if w.tx.api.Framing() != api.SSE || now.Sub(w.beat) < w.tx.pause() {
		return
	}
	w.patience()
	if _, err := w.w.Write([]byte(":\n\n")); err != nil {
		w.over = true
		w.cancel()
		return
	}
	_ = w.rc.Flush()
	w.beat = now
}

// lookAgain is how often an answer is held against the policy in force, which may have changed.
const lookAgain = 10 * time.Second

// next is when the clock has something to do.
func (w *responseWriter) next() time.Duration {
	now := time.Now()
	d := min(w.begun.Add(w.tx.age()).Sub(now), lookAgain)
	if w.flows() {
		d = min(d, w.last.Add(w.tx.idleTime()).Sub(now))
	}
	if !w.tx.waiting.IsZero() {
		d = min(d, w.tx.waiting.Add(w.tx.holdTime()).Sub(now), w.tx.pause())
	}
	return max(d, time.Millisecond)
}

var (
	errAge  = errors.New("guard: the answer takes too long")
	errIdle = errors.New("guard: the stream stands still")
	errHeld = errors.New("guard: events were held back for too long")
)

// age is how long the answer may take: by the policy it began with, and by the one in force.
func (t *Transaction) age() time.Duration {
	return time.Duration(min(t.pol.Limits.AnswerSeconds, t.g.policy.Load().Limits.AnswerSeconds)) * time.Second
}

func (t *Transaction) holdTime() time.Duration {
	return time.Duration(t.pol.Limits.HoldMillis) * time.Millisecond
}

func (t *Transaction) idleTime() time.Duration {
	return time.Duration(t.pol.Limits.IdleSeconds) * time.Second
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
