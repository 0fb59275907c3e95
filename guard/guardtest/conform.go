package guardtest

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/api"
)

// Policy is what the kit expects of a server: every route, every rule blocking, and the kit's canary.
func Policy() guard.Policy {
	p := guard.DefaultPolicy()
	p.Routes = nil
	for _, k := range Kinds() {
		p.Routes = append(p.Routes, guard.Routes(k)...)
	}
	p.Canary = []string{Canary}
	p.Limits.KeyTokens = 1 << 50
	return p
}

// Conform holds a server against the corpus on the routes of the given kinds, by default all of [Kinds]. server gets the
// upstream, an [http.Handler] of the kit that speaks every dialect, and returns the server that should guard it, under a
// policy such as [Policy]. It is served on loopback. Each route, streamed or not, and class of attack is a subtest.
func Conform(t *testing.T, server func(upstream http.Handler) http.Handler, kinds ...api.Kind) {
	t.Helper()
	report, err := Check(t.Context(), server, kinds...)
	report.show(t, err)
}

// Check is [Conform] for programs. The error says that the kit itself could not work.
func Check(ctx context.Context, server func(upstream http.Handler) http.Handler, kinds ...api.Kind) (Report, error) {
	k, err := newKit(ctx)
	if err != nil {
		return Report{}, err
	}
	s := serveQuietly(nil, server(http.HandlerFunc(k.upstream)))
	defer s.Close()
	k.base = s.URL
	return k.all(kinds)
}

// all runs every check of the given kinds.
func (k *kit) all(kinds []api.Kind) (Report, error) {
	if len(kinds) == 0 {
		kinds = Kinds()
	}
	transport, ok := k.client.Transport.(*http.Transport)
	if !ok {
		return Report{}, errors.New("guardtest: the client's transport is no *http.Transport")
	}
	transport = transport.Clone()
	transport.DisableCompression = true // the kit sees what was sent
	defer transport.CloseIdleConnections()
	k.client = &http.Client{
		Transport: transport, Timeout: 10 * k.patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, kind := range kinds {
		for _, stream := range []bool{false, true} {
			if stream && !Streams(kind) {
				continue
			}
			if k.kind, k.stream = kind, stream; k.ctx.Err() != nil {
				return k.report, k.ctx.Err()
			}
			if err := k.run(); err != nil {
				return k.report, err
			}
		}
	}
	return k.report, k.ctx.Err()
}

func (k *kit) run() error {
	for i := range k.entries.attacks {
		if err := k.attack(&k.entries.attacks[i]); err != nil {
			return err
		}
	}
	for i := range k.entries.benign {
		if err := k.benign(&k.entries.benign[i]); err != nil {
			return err
		}
	}
	k.upgrade()
	if speaks(k.kind) {
		for i := range k.entries.answers {
			k.said(&k.entries.answers[i])
		}
	}
	k.answers()
	k.faults()
	if k.stream {
		k.flushes()
		k.cancels()
	}
	return nil
}
