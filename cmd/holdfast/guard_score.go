package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// What a row costs is measured where nothing else of this process disturbs it, in time of one core: rows are scored by one worker for up
// to a second before the others help, and few rows are scored again until they took long enough to be measured.
const (
	alone   = time.Second
	atLeast = 50 * time.Millisecond
)

// scoreTexts scores each row, in order, and says what a KiB of text cost on one core, in microseconds; ok is false where there was none.
func scoreTexts(ctx context.Context, c *detect.Classifier, rows []text) (scores []detect.Score, cost float64, ok bool, err error) {
	scores = make([]detect.Score, len(rows))
	score := func(i int) { scores[i] = c.Score(rows[i].text, rows[i].trust()) }
	next := min(1, len(rows))
	if next > 0 {
		score(0) // the first makes the tables
	}
	start, took, size := cpuTime(), time.Duration(0), 0
	for i := 0; len(rows) > 0 && (i < len(rows) && took < alone || took < atLeast) && ctx.Err() == nil; i++ {
		score(i % len(rows))
		size += len(rows[i%len(rows)].text)
		next = max(next, min(i+1, len(rows)))
		if i%64 == 63 || i >= len(rows) {
			took = cpuTime() - start
		}
	}
	took = cpuTime() - start
	var at atomic.Int64
	at.Store(int64(next))
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(at.Add(1)) - 1
				if i >= len(rows) {
					return
				}
				score(i)
			}
		})
	}
	workers.Wait()
	return scores, float64(took.Nanoseconds()) / 1e3 / float64(max(size, 1)) * 1024, size > 0, ctx.Err()
}
