package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeCommands holds every command line of the README and the guides to commands and flags that there are.
func TestReadmeCommands(t *testing.T) {
	count := 0
	for _, page := range []string{"README.md", "docs/engines.md", "docs/keyrelease.md", "docs/detect.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "\\\n", " "))
		block := false
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "```") {
				block = !block
				continue
			}
			if !block || !strings.HasPrefix(line, "holdfast ") {
				continue
			}
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " > ")
			for command := range strings.SplitSeq(line, "&&") {
				count++
				cmd, rest, err := newRoot(new(ui)).Find(strings.Fields(command)[1:])
				if err == nil {
					err = cmd.ParseFlags(rest)
				}
				if err == nil && cmd.Args != nil {
					err = cmd.Args(cmd, cmd.Flags().Args())
				}
				if err == nil {
					err = cmd.ValidateRequiredFlags()
				}
				if err == nil {
					err = cmd.ValidateFlagGroups()
				}
				if err != nil {
					t.Errorf("%s: %q: %v", page, strings.TrimSpace(command), err)
				}
			}
		}
	}
	if count < 15 {
		t.Errorf("%d commands", count)
	}
}
