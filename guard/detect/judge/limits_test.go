package judge_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/judge"
)

// Each limit of a configuration that is accepted is changed to one that makes no sense.
func TestLimitsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*judge.Config)
		ok     bool
	}{
		"nothing":          {func(*judge.Config) {}, true},
		"https":            {func(c *judge.Config) { c.URL = "https://judge.example" }, true},
		"the whole share":  {func(c *judge.Config) { c.MaxShare = 1 }, true},
		"another scheme":   {func(c *judge.Config) { c.URL = "ftp://judge.example" }, false},
		"no host":          {func(c *judge.Config) { c.URL = "http:///x" }, false},
		"no question":      {func(c *judge.Config) { c.Ask.Body = nil }, false},
		"no answer":        {func(c *judge.Config) { c.Ask.Flagged = nil }, false},
		"no time":          {func(c *judge.Config) { c.Timeout = -1 }, false},
		"no pause":         {func(c *judge.Config) { c.Pause = -1 }, false},
		"no failures":      {func(c *judge.Config) { c.Failures = -1 }, false},
		"no share":         {func(c *judge.Config) { c.MaxShare = -0.1 }, false},
		"more than all":    {func(c *judge.Config) { c.MaxShare = 1.1 }, false},
		"a share of NaN":   {func(c *judge.Config) { c.MaxShare = math.NaN() }, false},
		"no text":          {func(c *judge.Config) { c.MaxText = -1 }, false},
		"a band of a NaN":  {func(c *judge.Config) { c.Low = math.NaN() }, false},
		"a band of no one": {func(c *judge.Config) { c.Low = c.High }, false},
	} {
		cfg := judge.Config{
			URL: "http://judge.example", Client: http.DefaultClient, Ask: judge.LlamaGuard("g"), Low: 0.3, High: 0.9, Score: func(detect.View) float64 { return 0 },
		}
		c.change(&cfg)
		if j, err := judge.New(cfg); (err == nil) != c.ok || (j == nil) == c.ok || err != nil && !errors.Is(err, judge.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A score that is no number is no reason to pass, and the operator's own text no reason not to ask.
func TestWhatIsAskedAbout(t *testing.T) {
	var asked atomic.Int64
	s := server(t, &asked)
	for name, c := range map[string]struct {
		score float64
		asks  bool
	}{"NaN": {math.NaN(), true}, "lowest": {0.3, true}, "below": {0.29, false}, "above": {0.9, false}, "none": {math.Inf(-1), false}} {
		j := newJudge(t, s.URL, func(cfg *judge.Config) { cfg.Score = func(detect.View) float64 { return c.score } })
		if flagged, err := ask(t, j, "evil"); err != nil || flagged != c.asks {
			t.Errorf("%s: flagged %v, %v", name, flagged, err)
		}
	}
	for name, c := range map[string]struct {
		user, operator int
		asks           bool
	}{"long operator": {10, 5000, true}, "longest user": {999, 0, true}, "longer user": {1000, 0, false}} {
		j := newJudge(t, s.URL, func(cfg *judge.Config) { cfg.MaxText = 1000 })
		_, err := j.Detect(t.Context(), detect.View{Spans: []detect.Span{
			{Trust: detect.TrustUser, Text: []byte(strings.Repeat("x", c.user))}, {Trust: detect.TrustOperator, Text: []byte(strings.Repeat("x", c.operator))},
		}}, nil)
		if (err == nil) != c.asks {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The share is of the latest requests: who has used it up is asked about again after many others.
func TestShareComesBack(t *testing.T) {
	var asked atomic.Int64
	j := newJudge(t, server(t, &asked).URL, func(c *judge.Config) { c.MaxShare = 0.002 })
	n := 0
	for ; n < 100; n++ {
		if _, err := ask(t, j, "nice"); err != nil {
			break
		}
	}
	if n == 0 || n == 100 {
		t.Fatalf("%d questions", n)
	}
	for range 20_000 {
		if _, err := ask(t, j, "clear"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(t, j, "nice"); err != nil {
		t.Errorf("after many others: %v", err)
	}
}

// After a pause one question tells whether the judge is well; until it is answered there is no other.
func TestOneQuestionAfterAPause(t *testing.T) {
	var asked atomic.Int64
	entered, leave := make(chan struct{}, 8), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= 2 { // the second is about a word of our own
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		entered <- struct{}{}
		<-leave
		_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"safe"}}]}`)
	}))
	defer s.Close()
	now := time.Unix(1000, 0)
	j := newJudge(t, s.URL, func(c *judge.Config) {
		c.Failures, c.Timeout, c.Now = 1, time.Minute, func() time.Time { return now }
	})
	if _, err := ask(t, j, "nice"); err == nil {
		t.Fatal("a broken judge passes")
	}
	now = now.Add(time.Hour)
	first := make(chan error)
	go func() {
		_, err := j.Detect(context.WithoutCancel(t.Context()), detect.View{Spans: []detect.Span{{Trust: detect.TrustUser, Text: []byte("nice")}}}, nil)
		first <- err
	}()
	<-entered
	second := make(chan error)
	go func() {
		_, err := j.Detect(context.WithoutCancel(t.Context()), detect.View{Spans: []detect.Span{{Trust: detect.TrustUser, Text: []byte("nice")}}}, nil)
		second <- err
	}()
	select {
	case err := <-second:
		if !errors.Is(err, detect.ErrUnavailable) {
			t.Errorf("the second: %v", err)
		}
	case <-entered:
		t.Error("two questions to a judge that has just failed")
		go func() { <-second }()
	}
	close(leave)
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
	if _, err := ask(t, j, "nice"); err != nil {
		t.Errorf("after an answer: %v", err)
	}
}
