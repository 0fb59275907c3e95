package secret

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

const canary = "canary-5f1e"

func TestUseAndDestroy(t *testing.T) {
	raw := []byte(canary)
	s := New(raw)
	if err := s.Use(func(b []byte) error {
		if string(b) != canary {
			t.Error("Use shows other bytes")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := errors.New("mine")
	if err := s.Use(func([]byte) error { return want }); err != want {
		t.Errorf("Use returned %v, want the callback's error", err)
	}
	s.Destroy()
	s.Destroy()
	if !bytes.Equal(raw, make([]byte, len(raw))) {
		t.Error("Destroy left the bytes in place")
	}
	if err := s.Use(func([]byte) error { t.Error("called"); return nil }); !errors.Is(err, ErrDestroyed) {
		t.Errorf("Use after Destroy: %v", err)
	}
	if s.Len() != 0 {
		t.Error("Len after Destroy")
	}
	for _, s := range []*Bytes{nil, {}} {
		if err := s.Use(func([]byte) error { return nil }); !errors.Is(err, ErrDestroyed) {
			t.Errorf("Use of nothing: %v", err)
		}
	}
}

func TestEqual(t *testing.T) {
	a, b, c, d := New([]byte("same")), New([]byte("same")), New([]byte("othr")), New([]byte("sam"))
	if !a.Equal(b) || !a.Equal(a) || a.Equal(c) || a.Equal(d) || a.Equal(nil) || (*Bytes)(nil).Equal(a) {
		t.Error("Equal is wrong")
	}
	b.Destroy()
	if a.Equal(b) || b.Equal(a) || b.Equal(b) || b.Equal(&Bytes{}) {
		t.Error("destroyed bytes equal something")
	}
}

// Every way out that the standard library offers shows the fixed text or fails.
func TestNothingPrintsTheBytes(t *testing.T) {
	s := New([]byte(canary))
	type holder struct {
		K *Bytes
		k *Bytes
	}
	h := holder{s, s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
		for _, v := range []any{s, h, &h, []*Bytes{s}, map[string]*Bytes{"k": s}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, l := range []*slog.Logger{
		slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil)),
	} {
		l.Info("key", "k", s, "h", h)
	}
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("printed: %q", form)
		}
	}
	if _, err := json.Marshal(h); !errors.Is(err, ErrEncoding) {
		t.Errorf("json: %v", err)
	}
	if _, err := s.MarshalText(); !errors.Is(err, ErrEncoding) {
		t.Errorf("text: %v", err)
	}
	if _, err := s.MarshalBinary(); !errors.Is(err, ErrEncoding) {
		t.Errorf("binary: %v", err)
	}
	if err := gob.NewEncoder(&out).Encode(s); !errors.Is(err, ErrEncoding) {
		t.Errorf("gob: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	a, b := New([]byte("one")), New([]byte("two"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				a.Equal(b)
				b.Equal(a)
				_ = a.Use(func([]byte) error { return nil })
			}
		})
	}
	wg.Go(a.Destroy)
	wg.Wait()
}
