// Package judge asks a bigger model about requests of which the detectors are not sure: a moderation endpoint, or a guard
// model behind the API of chat completions.
//
//	j, err := judge.New(judge.Config{URL: "http://127.0.0.1:8000/v1/chat/completions", Ask: judge.LlamaGuard("llama-guard-3"), Score: …})
//	g, err := guard.New(policy, guard.WithDetector(j, judge.IDs()...))
//
// Only requests whose score lies in a band are asked about, no more than a share of all, each within a time limit; after
// repeated failures the judge is left alone for a while, if it does not answer about a word of its own then either: texts can be what it fails at. What cannot be asked is [detect.ErrUnavailable]: the guard's policy
// says whether that refuses. The texts of these requests leave the process: to a service that you trust with them.
package judge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/guard/caller"
	"github.com/holdfast-ai/holdfast/guard/detect"
)

// RuleFlagged is the rule of all findings.
const RuleFlagged = "judge.flagged"

// IDs lists the rules.
func IDs() []string { return []string{RuleFlagged} }

// ErrConfig means that a judge cannot work as configured.
var ErrConfig = errors.New("judge: unusable configuration")

// An Ask is the dialect of a judge.
type Ask struct {
	// Body makes the request for a text.
	Body func(text []byte) ([]byte, error)
	// Flagged reads the answer.
	Flagged func(answer []byte) (bool, error)
}

// Config says whom to ask, and when. A zero field takes the default, if there is one.
type Config struct {
	URL    string
	Header http.Header  // for credentials; never logged
	Client *http.Client // no default: it decides about proxies and roots. Redirections are not followed: they would take the texts elsewhere
	Ask    Ask

	// Score rates a request, the higher the more suspicious; requests are asked about whose score lies in [Low, High). Those
	// below pass, those from High on are for the other detectors to report. No default.
	Score     func(detect.View) float64
	Low, High float64

	Timeout  time.Duration // of one question; default 500 ms
	Failures int           // in a row, after which nobody is asked for Pause, unless the judge answers about the word "Hello" then; default 5
	Pause    time.Duration // default 10 s
	MaxShare float64       // of all requests that are asked about, over some thousand; default 0.1. Beyond it a request counts as unavailable. One caller takes half of it at most.
	MaxText  int           // bytes of one question; longer requests are unavailable; default 32 KiB
	// Caller names who sends a request; default: who package caller has authenticated. Those without a name share alike.
	Caller func(context.Context) string
	Now    func() time.Time
}

// maxAnswer bounds the answer of a judge in bytes.
const maxAnswer = 64 << 10

// Stats counts what a judge has done.
type Stats struct {
	Requests    uint64 // in all
	Asked       uint64
	Flagged     uint64
	Unavailable uint64 // were in the band and could not be asked about
}

// A Judge is a [detect.Detector]. It is safe for concurrent use.
type Judge struct {
	cfg  Config
	seed maphash.Seed

	mu       sync.Mutex
	stats    Stats
	recent   share
	callers  [256]share // by a hash of their names: who shares with a greedy caller is one in 256
	failures int
	until    time.Time // nobody is asked before
	probing  bool      // one question is under way after a pause
	checking bool      // our own is under way
}

var _ detect.Detector = (*Judge)(nil)

// New returns a judge. Errors: [ErrConfig].
func New(c Config) (*Judge, error) {
	if c.Timeout == 0 {
		c.Timeout = 500 * time.Millisecond
	}
	if c.Pause == 0 {
		c.Pause = 10 * time.Second
	}
	if c.Failures == 0 {
		c.Failures = 5
	}
	if c.MaxShare == 0 {
		c.MaxShare = 0.1
	}
	if c.MaxText == 0 {
		c.MaxText = 32 << 10
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Caller == nil {
		c.Caller = func(ctx context.Context) string {
			id, _ := caller.FromContext(ctx)
			return id.ID
		}
	}
	switch {
	case !usable(c.URL):
		return nil, fmt.Errorf("%w: no URL of http or https", ErrConfig)
	case c.Client == nil:
		return nil, fmt.Errorf("%w: no Client", ErrConfig)
	case c.Ask.Body == nil || c.Ask.Flagged == nil:
		return nil, fmt.Errorf("%w: no Ask", ErrConfig)
	case c.Score == nil:
		return nil, fmt.Errorf("%w: no Score", ErrConfig)
	case !(c.Low < c.High):
		return nil, fmt.Errorf("%w: band", ErrConfig)
	case c.Timeout < 0 || c.Pause < 0 || c.Failures < 1 || !(c.MaxShare > 0 && c.MaxShare <= 1) || c.MaxText < 1:
		return nil, fmt.Errorf("%w: limits", ErrConfig)
	}
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Client = &client
	return &Judge{cfg: c, seed: maphash.MakeSeed()}, nil
}

func usable(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Highest returns a [Config].Score: what c gives to the text of a request that looks most like an attack, the operator's own left out.
// A request without such text scores -Inf.
func Highest(c *detect.Classifier) func(detect.View) float64 {
	return func(v detect.View) float64 {
		highest := math.Inf(-1)
		for _, s := range v.Spans {
			if s.Trust != detect.TrustOperator {
				highest = max(highest, c.Score(s.Text, s.Trust).Value)
			}
		}
		return highest
	}
}

// Stats returns the counts so far.
func (j *Judge) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stats
}

// Detect implements [detect.Detector]. Errors unwrap to [detect.ErrUnavailable] and hold no text.
func (j *Judge) Detect(ctx context.Context, v detect.View, findings []detect.Finding) ([]detect.Finding, error) {
	score := j.cfg.Score(v)
	inside := score >= j.cfg.Low && score < j.cfg.High
	if score != score { // NaN is no reason to pass
		inside = true
	}
	who := j.who(ctx)
	ask, err := j.admit(inside, inside && j.tooLong(v), who)
	if !ask {
		return findings, err
	}
	flagged, err := false, errUnread
	func() {
		defer func() { // where an Ask panics too
			if j.done(flagged, err, ctx.Err() != nil) {
				j.checked(j.answers(context.WithoutCancel(ctx)))
			}
		}()
		flagged, err = j.ask(ctx, v)
	}()
	if err != nil {
		return findings, fmt.Errorf("judge: %w: %w", detect.ErrUnavailable, err)
	}
	if flagged {
		findings = append(findings, detect.Finding{Rule: RuleFlagged, Category: "LLM01"})
	}
	return findings, nil
}

var (
	errShare = errors.New("more requests are in the band than may be asked about")
	errPause = errors.New("the judge has failed and is left alone")
)

// Errors that are the request's, and say nothing about the judge: a caller could have it left alone with them.
var (
	errText   = errors.New("the request is too long to ask about")
	errBody   = errors.New("no question can be made of the request")
	errTaken  = errors.New("the judge does not take the request")
	errUnread = errors.New("the answer cannot be read") // it is the model's, whom the text may have talked into it
)

// tooLong reports whether more than MaxText would be asked about.
func (j *Judge) tooLong(v detect.View) bool {
	n := 0
	for _, s := range v.Spans {
		if s.Trust != detect.TrustOperator {
			n += len(s.Text) + 1
		}
		if n > j.cfg.MaxText {
			return true
		}
	}
	return false
}

// ask sends the texts that are not the operator's, and reads the answer.
func (j *Judge) ask(ctx context.Context, v detect.View) (bool, error) {
	var text []byte
	for _, s := range v.Spans {
		if s.Trust != detect.TrustOperator {
			text = append(append(text, s.Text...), '\n')
		}
	}
	answer, err := j.answer(ctx, text)
	if err != nil {
		return false, err
	}
	flagged, err := j.cfg.Ask.Flagged(answer)
	if err != nil {
		return false, errUnread // what an Ask says may quote the text
	}
	return flagged, nil
}

// answers asks about a word of our own, and reports whether an answer comes, whatever it says. Texts can be long, or made so that a judge fails at them: a few
// callers, or one, could have it left alone for everybody.
func (j *Judge) answers(ctx context.Context) bool {
	_, err := j.answer(ctx, []byte("Hello"))
	return err == nil || errors.Is(err, errTaken)
}

// answer asks about a text.
func (j *Judge) answer(ctx context.Context, text []byte) ([]byte, error) {
	body, err := j.cfg.Ask.Body(text)
	if err != nil {
		return nil, errBody // what an Ask says may quote the text
	}
	ctx, cancel := context.WithTimeout(ctx, j.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("judge: URL") // the error quotes it, with credentials perhaps
	}
	maps.Copy(req.Header, j.cfg.Header)
	req.Header.Set("Content-Type", "application/json")
	resp, err := j.cfg.Client.Do(req)
	if err != nil {
		return nil, errors.New("no answer")
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(answer) > maxAnswer {
		return nil, errors.New("answer cut off or too long")
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return answer, nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("%w: status %d", errTaken, resp.StatusCode)
	}
	return nil, fmt.Errorf("status %d", resp.StatusCode)
}
