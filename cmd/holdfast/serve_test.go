package main

import (
	"fmt"
	"testing"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast"
)

// What the machine may spend on loading reaches the chain.
func TestServeEffort(t *testing.T) {
	for _, c := range []struct {
		args          []string
		workers, duty int
	}{{nil, 0, 100}, {[]string{"--workers", "3", "--duty", "40"}, 3, 40}} {
		f := serveFlags{at: listenFlags{addr: "127.0.0.1:0"}}
		cmd := new(cobra.Command)
		f.effort.add(cmd)
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		cfg, err := f.config(t.Context(), new(ui))
		if err != nil || cfg.Workers != c.workers || cfg.Duty != c.duty {
			t.Errorf("%v: %d workers, duty %d, %v", c.args, cfg.Workers, cfg.Duty, err)
		}
	}
}

// A directory that was sealed under another name than its model was signed with is refused, like any other check.
func TestExitCodeOfMismatch(t *testing.T) {
	if got := exitCode(fmt.Errorf("open: %w", holdfast.ErrMismatch)); got != exitRefused {
		t.Errorf("exit code %d", got)
	}
}
