package kek

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// One passphrase gives another key each time, so that nobody searches for those of many models at once.
func TestPassphrasesAreSalted(t *testing.T) {
	a := must(FromPassphrase("p", []byte("correct horse"), quick))(t).aead.(withContext).AEAD
	seen := map[string]bool{string(make([]byte, saltSize)): true}
	for range 3 {
		ct := must(a.Encrypt([]byte("pt"), nil))(t)
		salt := string(ct[passHeader-saltSize : passHeader])
		if seen[salt] {
			t.Errorf("salt %x again", salt)
		}
		seen[salt] = true
		ct[0] ^= 1
		if _, err := a.Decrypt(ct, nil); !errors.Is(err, ErrFormat) {
			t.Errorf("what is of another kind: %v", err)
		}
	}
	if _, err := a.Decrypt(make([]byte, passHeader-1), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("what is too short: %v", err)
	}
}

// Keys of files are random, and no file is written over.
func TestKeyFilesDiffer(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{string(make([]byte, KeyFileSize)): true}
	for _, name := range []string{"a", "b"} {
		path := filepath.Join(dir, name)
		if err := NewKeyFile(path); err != nil {
			t.Fatal(err)
		}
		key, err := os.ReadFile(path)
		if err != nil || seen[string(key)] {
			t.Errorf("key %x, %v", key[:2], err)
		}
		seen[string(key)] = true
		if err := NewKeyFile(path); !errors.Is(err, os.ErrExist) {
			t.Errorf("again: %v", err)
		}
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, key) {
			t.Errorf("the key is another, %v", err)
		}
	}
	if _, err := ReadKeyFile("d", dir); err == nil {
		t.Error("a directory is read as a key")
	}
}

// What is under way when keysets are forgotten is not kept.
func TestForgottenWhileUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCacheWorld(t)
		go func() {
			if _, err := w.cache.Keyset(t.Context(), w.info, w.wraps); err != nil {
				t.Errorf("under way: %v", err)
			}
		}()
		synctest.Wait()
		w.cache.Forget()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(w.cache.kept) != 0 || len(w.cache.flights) != 0 {
			t.Errorf("%d keysets are kept that were to be forgotten", len(w.cache.kept))
		}
		must(w.cache.Keyset(t.Context(), w.info, w.wraps))(t)
		if n := w.kms.calls.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
	})
}

// A call that everybody left is ended, and whoever comes then starts another; one that took its place goes on.
func TestLeftCalls(t *testing.T) {
	c := newCacheWorld(t).cache
	key := cacheKey{name: "tiny"}
	ended := 0
	f := &flight{waiting: 2, cancel: func() { ended++ }}
	c.flights[key] = f
	if c.leave(key, f); ended != 0 || c.flights[key] != f {
		t.Error("a call that somebody waits for is ended")
	}
	if c.leave(key, f); ended != 1 || c.flights[key] != nil {
		t.Error("a call that nobody waits for stands in the way of the next")
	}
	next := &flight{waiting: 1}
	c.flights[key] = next
	f.waiting = 1
	if c.leave(key, f); c.flights[key] != next {
		t.Error("the next call is dropped with the one before")
	}
}
