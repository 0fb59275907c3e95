// Package secret holds key bytes so that they do not leave by accident: every way of printing, logging or encoding a
// [Bytes] gives a fixed text or an error, comparison takes constant time, and Destroy overwrites the bytes.
//
// What it cannot do: copies made by code that was handed the bytes in [Bytes.Use] (a cipher's key schedule, for example)
// stay in memory until the garbage collector reuses it, and a process that can read this one's memory sees everything.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// ErrDestroyed means that the bytes have been destroyed.
var ErrDestroyed = errors.New("secret: destroyed")

// ErrEncoding means that something tried to encode secret bytes as JSON, text, binary or gob.
var ErrEncoding = errors.New("secret: refusing to encode secret bytes")

// redacted is what every printed form of a secret looks like.
const redacted = "[secret]"

// Bytes are secret bytes. Make them with [New]; the zero value and nil behave as destroyed. It is safe for concurrent use
// and must not be copied.
type Bytes struct {
	mu sync.RWMutex
	// A pointer, because fmt follows one pointer to print an unexported field under a verb that does not fit it, past
	// every method, and prints the second as an address. nil: destroyed.
	b *[]byte
}

// New takes ownership of b: the caller must neither read nor change it afterwards.
func New(b []byte) *Bytes { return &Bytes{b: &b} }

// Use calls f with the bytes and returns its error. f must not keep, change or copy them past the call, and must not call
// Destroy. Errors: [ErrDestroyed].
func (s *Bytes) Use(f func([]byte) error) error {
	if s == nil {
		return ErrDestroyed
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.b == nil {
		return ErrDestroyed
	}
	return f(*s.b)
}

// Destroy overwrites the bytes with zeros, after every Use under way has ended. Further calls do nothing.
func (s *Bytes) Destroy() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b != nil {
		clear(*s.b)
		s.b = nil
	}
}

// Len is the number of bytes, 0 once destroyed.
func (s *Bytes) Len() int {
	if s == nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.b == nil {
		return 0
	}
	return len(*s.b)
}

// Equal reports whether s and b hold the same bytes, in time that depends only on the lengths. Destroyed bytes equal
// nothing, not even themselves.
func (s *Bytes) Equal(b *Bytes) bool {
	if s == nil || b == nil {
		return false
	}
	if s == b { // a second read lock on one mutex could deadlock behind a waiting Destroy
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.b != nil
	}
	// Comparing copies keeps the two locks from being held together, which two goroutines could do in opposite order.
	var mine []byte
	if s.Use(func(x []byte) error { mine = append([]byte{}, x...); return nil }) != nil {
		return false
	}
	defer clear(mine)
	same := false
	if b.Use(func(x []byte) error { same = subtle.ConstantTimeCompare(mine, x) == 1; return nil }) != nil {
		return false
	}
	return same
}

// Format prints a fixed text under every verb.
func (s *Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns a fixed text.
func (s *Bytes) String() string { return redacted }

// LogValue logs a fixed text.
func (s *Bytes) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON fails with [ErrEncoding].
func (s *Bytes) MarshalJSON() ([]byte, error) { return nil, ErrEncoding }

// MarshalText fails with [ErrEncoding].
func (s *Bytes) MarshalText() ([]byte, error) { return nil, ErrEncoding }

// MarshalBinary fails with [ErrEncoding].
func (s *Bytes) MarshalBinary() ([]byte, error) { return nil, ErrEncoding }

// GobEncode fails with [ErrEncoding].
func (s *Bytes) GobEncode() ([]byte, error) { return nil, ErrEncoding }
