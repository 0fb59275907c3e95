package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// While a server runs its quote is never as old as relying parties refuse, also where the machine fails for an hour.
func TestQuotesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began, quoted, tries := time.Now(), time.Now(), 0
		renew := func(context.Context) error {
			tries++
			if age := time.Since(quoted); age >= attest.DefaultMaxAge {
				t.Errorf("the quote was %v old", age)
			}
			if at := time.Since(began); at > 47*time.Hour && at < 49*time.Hour {
				return errors.New("the hypervisor gives none")
			}
			quoted = time.Now()
			return nil
		}
		done := make(chan struct{})
		go func() { defer close(done); renewing(ctx, renew, slog.New(slog.DiscardHandler)) }()
		time.Sleep(96 * time.Hour)
		synctest.Wait()
		if age := time.Since(quoted); age > renewEvery || tries > 16+61 || tries < 16 {
			t.Errorf("after 4 days the quote is %v old, after %d tries", age, tries)
		}
		cancel()
		<-done
	})
}
