package memory

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
)

// What was not made by this package's functions behaves as closed: it neither waits nor panics.
func TestZeroValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which waiting for ever is a failure at once
		for name, f := range map[string]func() error{
			"Ring.Get":     func() error { _, err := new(Ring).Get(t.Context()); return err },
			"Ring.Close":   func() error { return new(Ring).Close() },
			"Dir.Write":    func() error { return new(Dir).Write("a", 1, func([]byte) error { return nil }) },
			"Dir.Publish":  func() error { _, err := new(Dir).Publish(); return err },
			"Dir.Close":    func() error { return new(Dir).Close() },
			"Region.Close": func() error { return new(Region).Close() },
		} {
			if err := f(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := new(Process).Wait(); !errors.Is(err, ErrConfig) {
			t.Errorf("Process.Wait: %v", err)
		}
		if f := new(Ring).Facts(); f != (Facts{}) {
			t.Errorf("%+v", f)
		}
	})
}
