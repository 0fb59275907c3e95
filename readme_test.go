package holdfast_test

import (
	"os"
	"strings"
	"testing"
)

// TestReadme holds the programs in the README to the examples that are compiled and run: every line of them is there, in order.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(readme)
	for _, file := range []string{"example_test.go", "guard/example_test.go"} {
		example, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, from, ok := strings.Cut(rest, "```go\n")
		program, behind, end := strings.Cut(from, "```")
		if !ok || !end {
			t.Fatalf("the README has no program of %s", file)
		}
		rest = behind
		left := string(example)
		for line := range strings.Lines(program) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			i := strings.Index(left, line)
			if i < 0 {
				t.Fatalf("not in %s, or not in this order: %s", file, line)
			}
			left = left[i+len(line):]
		}
	}
	if strings.Contains(rest, "```go\n") {
		t.Error("a program of the README is held to no example")
	}
}
