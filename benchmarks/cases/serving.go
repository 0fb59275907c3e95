package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/sign"
)

// A servingPair is a server that answers small requests, and a model of four files that is verified in the same process, over
// and over, as when another model is loaded or an adapter is fetched while this one serves.
type servingPair struct {
	server *httptest.Server
	files  *signFiles
	body   string
}

func newServingPair() (*servingPair, error) {
	files, err := newSignFiles(4, 64<<20)
	if err != nil {
		return nil, err
	}
	return &servingPair{
		// Each request is read, and answered with as much, which is what a handler does around its engine.
		server: httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Write(b)
		})),
		files: files,
		body:  strings.Repeat("a prompt of a kibibyte, or so. ", 33),
	}, nil
}

func (s *servingPair) close() {
	s.server.Close()
	s.files.close()
}

// requests sends n requests one after the other and returns how long each took.
func (s *servingPair) requests(n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		resp, err := s.server.Client().Post(s.server.URL, "text/plain", strings.NewReader(s.body))
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return nil, err
		}
		if string(b) != s.body {
			return nil, errors.New("serving: wrong answer")
		}
		took[i] = time.Since(start)
	}
	return took, nil
}

// loading sends n requests while m is verified, from the first to the last of them.
func (s *servingPair) loading(m *sign.Model, n int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var fault error
	wg.Go(func() {
		for fault == nil && ctx.Err() == nil {
			if err := m.VerifyAll(ctx, nil); err != nil && ctx.Err() == nil {
				fault = err
			}
		}
	})
	took, err := s.requests(n)
	cancel()
	wg.Wait()
	return took, errors.Join(err, fault)
}

// servingRequests make one sample.
const servingRequests = 300

// signServing answers requests while a model is verified by one worker that may work a quarter of its time, beside the same
// requests and nothing else: what loading costs those who are served.
func signServing() (ratio.Case, error) {
	s, err := newServingPair()
	if err != nil {
		return ratio.Case{}, err
	}
	m, err := s.files.open(0, sign.WithWorkers(1), sign.WithDuty(25))
	if err != nil {
		return ratio.Case{}, err
	}
	return ratio.Case{
		Name: "sign/serving", Better: ratio.Lower, Wall: true, Close: s.close,
		Subject:   func() error { _, err := s.loading(m, servingRequests); return err },
		Yardstick: func() error { _, err := s.requests(servingRequests); return err },
	}, nil
}

// ServingWhileLoading measures requests of a server that verifies a model meanwhile, by what loading may take.
func ServingWhileLoading() ([]Latency, error) {
	s, err := newServingPair()
	if err != nil {
		return nil, err
	}
	defer s.close()
	took := make([][]time.Duration, 4)
	labels := []string{"nothing", "all workers", "WithWorkers(1)", "WithWorkers(1), WithDuty(25)"}
	models := []*sign.Model{nil}
	for _, opts := range [][]sign.Option{nil, {sign.WithWorkers(1)}, {sign.WithWorkers(1), sign.WithDuty(25)}} {
		m, err := s.files.open(0, opts...)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	for range latencyCalls / 100 { // interleaved
		for i, m := range models {
			var now []time.Duration
			if m == nil {
				now, err = s.requests(500)
			} else {
				now, err = s.loading(m, 500)
			}
			if err != nil {
				return nil, err
			}
			took[i] = append(took[i], now...)
		}
	}
	var out []Latency
	for i, t := range took {
		out = append(out, newLatency(fmt.Sprintf("a request of 1 KiB beside %s", labels[i]), t))
	}
	return out, nil
}
