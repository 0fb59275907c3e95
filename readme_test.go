package holdfast_test

import (
	"os"
	"strings"
	"testing"
)

// TestReadme holds the program in the README to the example that is compiled and run: every line of it is there, in order.
func TestReadme(t *testing.T) {
	readme, err1 := os.ReadFile("README.md")
	example, err2 := os.ReadFile("example_test.go")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	_, rest, ok := strings.Cut(string(readme), "```go\n")
	program, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatal("the README has no program")
	}
	left := string(example)
	for line := range strings.Lines(program) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		i := strings.Index(left, line)
		if i < 0 {
			t.Fatalf("not in the example, or not in this order: %s", line)
		}
		left = left[i+len(line):]
	}
}
