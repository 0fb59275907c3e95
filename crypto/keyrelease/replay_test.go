package keyrelease

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// The host records a whole exchange and plays the request again: within the challenge's life the server refuses, and a
// second server that shares the challenge key answers with what only the first guest's key opens.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	w.config.ChallengeKey = bytes.Repeat([]byte{7}, 32)
	w.start(t)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	body := w.seen["/v1/release"]
	status, b := w.post(t, "/v1/release", body)
	if status != http.StatusForbidden || !strings.Contains(string(b), string(CodeReplay)) {
		t.Errorf("replay: %d %s", status, b)
	}
	w.now = w.now.Add(DefaultLifetime + time.Second)
	status, b = w.post(t, "/v1/release", body)
	if status != http.StatusForbidden || !strings.Contains(string(b), string(CodeExpired)) {
		t.Errorf("late replay: %d %s", status, b)
	}
	w.now = w.now.Add(-DefaultLifetime)
	replica := newWorld(t)
	replica.config = w.config
	replica.start(t)
	if status, b = replica.post(t, "/v1/release", body); status != http.StatusOK {
		t.Fatalf("replica: %d %s", status, b)
	}
	var resp releaseResponse
	var req releaseRequest
	if json.Unmarshal(b, &resp) != nil || json.Unmarshal(body, &req) != nil {
		t.Fatal("answer of the replica")
	}
	mine, _ := hpkeKEM().GenerateKey()
	server, _ := serverHash(&w.identity.PublicKey)
	if _, err := w.client.release(t.Context(), server, &req, mine); err == nil {
		t.Error("another key opens the answer")
	}
}

// One challenge, many guests at once: one release.
func TestReplayRace(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	w.config.Audit = nil
	s, err := NewServer(w.config)
	if err != nil {
		t.Fatal(err)
	}
	token := s.tokens.issue(w.now)
	key, _ := hpkeKEM().GenerateKey()
	req, err := w.client.request(t.Context(), s.hash, token, key.PublicKey().Bytes(), w.info)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	released := 0
	for range 8 {
		wg.Go(func() {
			if _, err := s.decide(t.Context(), req, new(Decision)); err == nil {
				mu.Lock()
				released++
				mu.Unlock()
			} else if !code(CodeReplay)(err) {
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
	wg.Wait()
	if released != 1 {
		t.Errorf("%d releases against one challenge", released)
	}
}

// A challenge stays used until it has expired, however the generations turn.
func TestUsedUntilExpired(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Minute, 119 * time.Second, 2 * time.Minute} {
		tk := tokens{key: []byte("k"), lifetime: 2 * time.Minute}
		t0 := time.Unix(1_000_000, 0)
		if err := tk.use([32]byte{1}, t0); err != nil {
			t.Fatal(err)
		}
		issued := t0.Add(wait)
		token := tk.issue(issued)
		var c [32]byte
		copy(c[:], token)
		if err := tk.use(c, issued); err != nil {
			t.Fatal(err)
		}
		for s := time.Duration(0); s <= 2*time.Minute; s += 5 * time.Second {
			if err := tk.check(token, issued.Add(s)); err != nil {
				t.Fatalf("expired after %v", s)
			}
			if err := tk.use(c, issued.Add(s)); !code(CodeReplay)(err) {
				t.Fatalf("used at %v, again %v later: %v", wait, s, err)
			}
		}
	}
}

// A server that is not pinned passes everything on but its own name: the guest sees a challenge of another server.
func TestManInTheMiddle(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	evil := newWorld(t)
	evil.vendor, evil.config.Verify = w.vendor, w.vendor.verify
	evil.config.Models = w.config.Models
	evil.start(t)
	evil.client.ServerKey = &w.identity.PublicKey
	if _, err := evil.client.Keyset(t.Context(), w.info, nil); !errors.Is(err, ErrServer) {
		t.Errorf("guest talks to the other server: %v", err)
	}
	// Evidence that a guest made for the evil server is none for the real one: the challenge names the server.
	evil.client.ServerKey = &evil.identity.PublicKey
	if _, err := evil.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	a, _ := serverHash(&w.identity.PublicKey)
	b2, _ := serverHash(&evil.identity.PublicKey)
	if token := make([]byte, tokenSize); challengeOf(a, token) == challengeOf(b2, token) || tokenDigest(a, token) == tokenDigest(b2, token) {
		t.Error("challenges do not name their server")
	}
	status, b := w.post(t, "/v1/release", evil.seen["/v1/release"])
	if status != http.StatusForbidden || !strings.Contains(string(b), string(CodeChallenge)) {
		t.Errorf("relayed evidence: %d %s", status, b)
	}
}
