package keyrelease

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

func TestLimiter(t *testing.T) {
	l := newLimiter(Rate{time.Second, 3})
	now := time.Unix(1000, 0)
	for i := range 3 {
		if _, _, ok := l.allow("a", now); !ok {
			t.Fatalf("request %d turned away", i)
		}
	}
	wait, first, ok := l.allow("a", now)
	if ok || !first || wait != time.Second {
		t.Errorf("fourth: %v %v %v", wait, first, ok)
	}
	if _, first, ok = l.allow("a", now); ok || first {
		t.Errorf("fifth: first %v, ok %v", first, ok)
	}
	if _, _, ok := l.allow("b", now); !ok {
		t.Error("another key pays")
	}
	if _, _, ok := l.allow("a", now.Add(time.Second)); !ok {
		t.Error("nothing came back in a second")
	}
	if _, first, ok := l.allow("a", now.Add(time.Second)); ok || !first {
		t.Error("the second spell of refusals has no first")
	}
	for i := range 3 {
		if _, _, ok := l.allow("a", now.Add(time.Hour)); !ok {
			t.Errorf("an hour later, request %d is turned away", i)
		}
	}
	if _, _, ok := l.allow("a", now.Add(time.Hour)); ok {
		t.Error("an hour saved up more than the burst")
	}
	if _, _, ok := l.allow("a", now); ok {
		t.Error("a clock that goes back gives more")
	}
}

// Keys are the attacker's to choose: their number is bounded, those past it share one bucket, and idle ones make room.
func TestLimiterMemory(t *testing.T) {
	l := newLimiter(Rate{time.Second, 1})
	l.most = 10
	now := time.Unix(1000, 0)
	allowed := 0
	for i := range 1000 {
		if _, _, ok := l.allow(fmt.Sprint(i), now); ok {
			allowed++
		}
	}
	if len(l.buckets) > l.most+1 || allowed != l.most+1 {
		t.Errorf("%d buckets, %d allowed", len(l.buckets), allowed)
	}
	if _, _, ok := l.allow("late", now.Add(time.Minute)); !ok || len(l.buckets) > 2 {
		t.Errorf("idle buckets are kept: %d", len(l.buckets))
	}
}

func TestRemote(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "192.0.2.1:81": "192.0.2.1", "[::ffff:192.0.2.1]:1": "192.0.2.1",
		"[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[2001:db8:1:2::9]:7": "2001:db8:1:2::/64", "[fe80::1%eth0]:7": "fe80::/64",
		"": "unknown", "@": "unknown", "pipe": "unknown",
	} {
		if got := remote(&http.Request{RemoteAddr: in}); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// One address is told when to come back, on both paths and before anything is read; another is not disturbed.
func TestAddressRate(t *testing.T) {
	for _, path := range []string{"/v1/challenge", "/v1/release"} {
		w := newWorld(t)
		w.config.PerAddress = Rate{10 * time.Second, 2}
		w.config.Address = func(r *http.Request) string { return r.Header.Get("X-Peer") }
		s, err := NewServer(w.config)
		if err != nil {
			t.Fatal(err)
		}
		send := func(peer string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("POST", path, strings.NewReader(`{}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Peer", peer)
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, r)
			return rec
		}
		for range 2 {
			if got := send("a").Code; got == http.StatusTooManyRequests {
				t.Fatalf("%s: limited at once", path)
			}
		}
		for range 3 {
			if rec := send("a"); rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") != "11" {
				t.Errorf("%s: %d, %q", path, rec.Code, rec.Header().Get("Retry-After"))
			}
		}
		if n := strings.Count(w.log.String(), `"keyrelease: limited"`); n != 1 {
			t.Errorf("%s: %d lines for one flood", path, n)
		}
		if got := send("b").Code; got == http.StatusTooManyRequests {
			t.Errorf("%s: another address is limited", path)
		}
		w.now = w.now.Add(10 * time.Second)
		if got := send("a").Code; got == http.StatusTooManyRequests {
			t.Errorf("%s: nothing came back", path)
		}
	}
}

// Limits by machine are kept by chips. A masked one is no name: the machines behind it are told apart by address, so that
// one does not use up what all have.
func TestMaskedChipsShareNoLimit(t *testing.T) {
	w := newWorld(t)
	chip, peer := "chip 1", "a"
	w.config.PerMachine = Rate{time.Hour, 1}
	w.config.Address = func(*http.Request) string { return peer }
	w.config.Verify = func(ctx context.Context, ev []byte, rd [64]byte) (Machine, error) {
		m, err := w.vendor.verify(ctx, ev, rd)
		m.Chip = chip
		return m, err
	}
	w.start(t)
	for _, c := range []struct {
		chip, peer string
		ok         bool
	}{
		{"chip 1", "a", true}, {"chip 1", "a", false}, {"chip 1", "b", false}, {"chip 2", "b", true},
		{"", "a", true}, {"", "b", true}, {"", "a", false}, {"", "b", false}, {"", "c", true},
	} {
		chip, peer = c.chip, c.peer
		_, err := w.client.Keyset(t.Context(), w.info, nil)
		if c.ok && err != nil || !c.ok && !errors.Is(err, ErrUnavailable) {
			t.Errorf("chip %q at %s: %v", c.chip, c.peer, err)
		}
	}
	// Whoever may not have the model does not use up what the machine has.
	chip = "chip 3"
	w.client.Config[0]++
	for range 3 {
		if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeConfig)(err) {
			t.Errorf("got %v", err)
		}
	}
	w.client.Config[0]--
	if _, err := w.client.Keyset(t.Context(), seal.Info{Name: w.info.Name, Version: 7, Commitment: w.info.Commitment, ManifestDigest: w.info.ManifestDigest}, nil); err != nil {
		t.Error(err)
	}
}
