package main

import (
	"context"
	"log/slog"
	"time"
)

// A quarter of the age to which relying parties take a quote where they say nothing ([attest.DefaultMaxAge]), so that a machine that gives
// none for some hours is still believed.
const (
	renewEvery = 6 * time.Hour
	renewRetry = time.Minute // after a failure: hypervisors ration quotes
)

// renewing has the machine quoted anew from time to time, until ctx ends: nobody believes an old quote.
func renewing(ctx context.Context, renew func(context.Context) error, log *slog.Logger) {
	wait := renewEvery
	for {
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		wait = renewEvery
		if err := renew(ctx); err != nil {
			log.WarnContext(ctx, "serve: no new evidence of this machine; the last one stays", "error", err)
			wait = renewRetry
		}
	}
}
