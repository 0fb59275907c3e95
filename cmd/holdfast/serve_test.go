package main

import (
	"testing"

	"github.com/spf13/cobra"
)

// What the machine may spend on loading reaches the chain.
func TestServeEffort(t *testing.T) {
	for _, c := range []struct {
		args          []string
		workers, duty int
	}{{nil, 0, 100}, {[]string{"--workers", "3", "--duty", "40"}, 3, 40}} {
		f := serveFlags{addr: "127.0.0.1:0"}
		cmd := new(cobra.Command)
		f.effort.add(cmd)
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		cfg, err := f.config(new(ui))
		if err != nil || cfg.Workers != c.workers || cfg.Duty != c.duty {
			t.Errorf("%v: %d workers, duty %d, %v", c.args, cfg.Workers, cfg.Duty, err)
		}
	}
}
