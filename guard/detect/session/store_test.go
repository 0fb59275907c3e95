package session_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/guard/caller"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/session"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// watched keeps the keys that it was asked for, and fails on demand.
type watched struct {
	limit.Store
	mu   sync.Mutex
	keys []string
	err  error
}

func (w *watched) Reserve(ctx context.Context, key string, n int64, b limit.Budget) (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys = append(w.keys, key)
	if w.err != nil {
		return time.Time{}, w.err
	}
	return w.Store.Reserve(ctx, key, n, b)
}

// Findings of one caller add up over all processes that share a store, which knows no names, and where the store fails the check did not happen.
func TestStoreIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &watched{Store: limit.NewMemory(nil)}
		c := session.Config{Store: store, Key: []byte("a key of more than 16 bytes")}
		a, b := newDetector(t, c), newDetector(t, c)
		for i, d := range []*session.Detector{a, b, a} {
			if got := send(t, d, "mallory", "x", 1); got != nil {
				t.Fatal(i, got)
			}
		}
		if got := send(t, b, "alice", "x", 1); got != nil {
			t.Error("another caller:", got)
		}
		if got := send(t, b, "mallory", "x", 1); !slices.Equal(got, []string{session.RuleEscalation}) {
			t.Error("findings of two processes do not add up:", got)
		}
		n := len(store.keys)
		if got := send(t, b, "mallory", "x", 0); len(store.keys) != n {
			t.Error("asked about a request without findings", got)
		}
		time.Sleep(time.Hour)
		if got := send(t, a, "mallory", "x", 1); got != nil {
			t.Error("an hour later:", got)
		}
		other := newDetector(t, session.Config{Store: store, Key: []byte("another key of 16 bytes or more")})
		_ = send(t, other, "mallory", "x", 1)
		for _, k := range store.keys {
			if strings.Contains(k, "mallory") || strings.Contains(k, "alice") || len(k) < 32 {
				t.Errorf("the store knows %q", k)
			}
		}
		if last := store.keys[len(store.keys)-1]; slices.Contains(store.keys[:len(store.keys)-1], last) {
			t.Error("names are hashed without the key")
		}
		store.err = errors.New("gone")
		before := []detect.Finding{{Rule: "injection.override"}}
		ctx := caller.WithIdentity(t.Context(), caller.Identity{ID: "mallory"})
		if after, err := a.Detect(ctx, detect.View{}, before); !errors.Is(err, detect.ErrUnavailable) || !slices.Equal(after, before) {
			t.Errorf("a store that fails: %v %v", after, err)
		}
	})
	for name, c := range map[string]session.Config{
		"no key": {Store: limit.NewMemory(nil)}, "short": {Store: limit.NewMemory(nil), Key: []byte("short")}, "fractions": {Store: limit.NewMemory(nil), Key: make([]byte, 32), Escalation: 0.0005},
	} {
		if _, err := session.New(c); !errors.Is(err, session.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A store that others have filled says nothing about a caller: it did not escalate, the check did not happen.
func TestFullStoreAccusesNobody(t *testing.T) {
	store := &watched{Store: limit.NewMemory(nil)}
	d := newDetector(t, session.Config{Store: store, Key: []byte("a key of more than 16 bytes")})
	store.err = &limit.ExhaustedError{RetryAfter: time.Minute, Full: true}
	ctx := caller.WithIdentity(t.Context(), caller.Identity{ID: "alice"})
	v := detect.View{Spans: []detect.Span{{Role: detect.RoleUser, Trust: detect.TrustUser, Text: []byte("x")}}}
	found, err := d.Detect(ctx, v, []detect.Finding{{Rule: "injection.override"}})
	if !errors.Is(err, detect.ErrUnavailable) || len(found) != 1 {
		t.Errorf("%v %v", found, err)
	}
}
