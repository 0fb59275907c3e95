package attest_test

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// held is a device whose second quote, the first after that of NewChain, waits.
type held struct {
	attest.Device
	calls   atomic.Int32
	entered chan struct{}
	release chan struct{}
}

func (d *held) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if d.calls.Add(1) == 2 {
		close(d.entered)
		<-d.release
	}
	return d.Device.Evidence(ctx, reportData)
}

// A quote that took its time does not replace a younger one.
func TestRenewalsKeepTheirOrder(t *testing.T) {
	w := newWorld(t)
	var now atomic.Int64 // seconds after start
	d := &held{Device: w.device, entered: make(chan struct{}), release: make(chan struct{})}
	chain, err := attest.NewChain(t.Context(), attest.ChainConfig{
		Device: d, Identity: w.key, Claims: claims(), Clock: func() time.Time { return start.Add(time.Duration(now.Load()) * time.Second) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	renew := func() chan struct{} {
		done := make(chan struct{})
		wg.Go(func() {
			defer close(done)
			if err := chain.Renew(t.Context()); err != nil {
				t.Error(err)
			}
		})
		return done
	}
	now.Store(1)
	renew()
	<-d.entered
	now.Store(2)
	select {
	case <-renew():
	case <-time.After(100 * time.Millisecond): // it waits for the first
	}
	close(d.release)
	wg.Wait()
	var doc struct{ Time time.Time }
	if err := json.Unmarshal(chain.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	if got := doc.Time.Sub(start); got != 2*time.Second {
		t.Errorf("the quote is of %v after the start, want 2s", got)
	}
}
