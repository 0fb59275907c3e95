package main

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/cputime"
)

// What a row costs is measured where nothing else of this process disturbs it, in time of one core: rows are scored by one worker for up
// to a second before the others help, and few rows are scored again until they took long enough to be measured.
const (
	alone   = time.Second
	atLeast = 50 * time.Millisecond
)

// Rows are scored some at a time: enough to keep all cores busy, and a file of any size takes no more memory than these.
const (
	batchRows  = 4096
	batchBytes = 8 << 20
)

// scoreFiles scores the rows of files and gives each to use, in order. It returns what a KiB of text cost on one core, in microseconds, or
// NaN where there was none.
func scoreFiles(ctx context.Context, c *detect.Classifier, paths []string, labelled bool, use func(*text, *detect.Score)) (cost float64, err error) {
	s := scorer{c: c, use: use}
	if err := readTexts(ctx, paths, labelled, s.add); err != nil {
		return math.NaN(), err
	}
	err = s.flush(ctx) // before cost, which it measures
	return s.cost(), err
}

// A scorer scores rows in batches.
type scorer struct {
	c      *detect.Classifier
	use    func(*text, *detect.Score)
	batch  []text
	bytes  int           // of the batch
	took   time.Duration // of one worker alone
	size   int           // of the texts that it scored, in bytes
	scores []detect.Score
}

func (s *scorer) add(ctx context.Context, row text) error {
	s.batch = append(s.batch, row)
	if s.bytes += len(row.text); len(s.batch) < batchRows && s.bytes < batchBytes {
		return nil
	}
	return s.flush(ctx)
}

func (s *scorer) flush(ctx context.Context) error {
	s.scores = append(s.scores[:0], make([]detect.Score, len(s.batch))...)
	next := int64(0)
	if len(s.batch) > 0 && s.took < alone {
		next = int64(s.alone(ctx))
	}
	var at atomic.Int64
	at.Store(next)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(at.Add(1)) - 1
				if i >= len(s.batch) {
					return
				}
				s.score(i)
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range s.batch {
		s.use(&s.batch[i], &s.scores[i])
	}
	clear(s.batch)
	s.batch, s.bytes = s.batch[:0], 0
	return nil
}

func (s *scorer) score(i int) { s.scores[i] = s.c.Score(s.batch[i].text, s.batch[i].trust()) }

// alone scores rows of the batch with one worker and measures it. It returns how many it scored.
func (s *scorer) alone(ctx context.Context) (scored int) {
	s.score(0) // the first makes the tables
	before, start, n := s.took, cputime.Used(), len(s.batch)
	for i := 0; (i < n && s.took < alone || s.took < atLeast) && ctx.Err() == nil; i++ {
		s.score(i % n)
		s.size += len(s.batch[i%n].text)
		scored = max(scored, min(i+1, n))
		if i%64 == 63 || i >= n {
			s.took = before + cputime.Used() - start
		}
	}
	s.took = before + cputime.Used() - start
	return scored
}

// cost is that of a KiB of what was scored by one worker, in microseconds.
func (s *scorer) cost() float64 {
	if s.size == 0 {
		return math.NaN()
	}
	return float64(s.took.Nanoseconds()) / 1e3 / float64(s.size) * 1024
}
