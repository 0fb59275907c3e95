package keyrelease

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

const (
	nonceSize = 24
	tokenSize = 8 + nonceSize + sha256.Size // expiry (unix seconds, uint64be) || nonce || MAC
)

// tokens issues and checks challenges without keeping them: a MAC under the server's own key says that it issued one. It
// keeps only those that a keyset was released against, in two generations of one lifetime each, so that each is remembered
// until it has expired.
type tokens struct {
	key      []byte
	server   [32]byte
	lifetime time.Duration

	mu       sync.Mutex
	turned   time.Time
	now, old map[[32]byte]struct{}
}

func (t *tokens) mac(b []byte) []byte {
	m := hmac.New(sha256.New, t.key)
	m.Write(transcript.New("holdfast/release-challenge-mac/v1").Bytes(t.server[:]).Bytes(b).Encoding())
	return m.Sum(nil)
}

func (t *tokens) issue(now time.Time) []byte {
	b := make([]byte, 8+nonceSize, tokenSize)
	binary.BigEndian.PutUint64(b, uint64(now.Add(t.lifetime).Unix()))
	rand.Read(b[8:])
	return append(b, t.mac(b)...)
}

func (t *tokens) check(token []byte, now time.Time) error {
	if len(token) != tokenSize || !hmac.Equal(token[8+nonceSize:], t.mac(token[:8+nonceSize])) {
		return denied(CodeChallenge)
	}
	if uint64(now.Unix()) > binary.BigEndian.Uint64(token) {
		return denied(CodeExpired)
	}
	return nil
}

// use notes that a keyset is released against a challenge. The second time it fails. A full memory asks for patience: it
// fills only with releases to accepted machines, and forgetting early would let a challenge be used again.
func (t *tokens) use(challenge [32]byte, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Expiry is in whole seconds and inclusive: a generation lasts a second longer.
	if age := now.Sub(t.turned); t.now == nil || age > t.lifetime+time.Second {
		t.old = t.now
		if age > 2*(t.lifetime+time.Second) {
			t.old = nil
		}
		t.now, t.turned = make(map[[32]byte]struct{}), now
	}
	_, inNow := t.now[challenge]
	_, inOld := t.old[challenge]
	switch {
	case inNow || inOld:
		return denied(CodeReplay)
	case len(t.now) >= maxUsed:
		return ErrUnavailable
	}
	t.now[challenge] = struct{}{}
	return nil
}
