package holdfast_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
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

// TestReadmeFigures holds the table of costs in the README to the committed report and to the gates: what one run measured is within
// a tenth of what the table says, and the bounds are those that CI checks.
func TestReadmeFigures(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile("benchmarks/REPORT.md")
	if err != nil {
		t.Fatal(err)
	}
	ratios := map[string]float64{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-zA-Z0-9/]+)` \\| \\w+ \\| ([0-9.]+) ").FindAllStringSubmatch(string(report), -1) {
		if ratios[m[1]], err = strconv.ParseFloat(m[2], 64); err != nil {
			t.Fatal(err)
		}
	}
	gated := readBounds(t)
	figure := regexp.MustCompile(`[0-9.]*[0-9]`)
	for row, gates := range map[string][]string{ // each column of figures that ";" parts, to the gates that measure it
		"decrypt sealed weights, ": {"seal/decrypt/memory/64KiB seal/decrypt/memory/1MiB"},
		"seal weights, ":           {"seal/encrypt/memory/64KiB seal/encrypt/memory/1MiB"},
		"decrypt 1 MiB segments, ": {"seal/decrypt/tink/memory/1MiB", "seal/decrypt/tink/file/1MiB"},
		"decrypt, hash and scan ":  {"onepass/cpu"},
		"verify on load ":          {"sign/readinto"},
		"verify four files, ":      {"sign/verify/files"},
		"verify shards, ":          {"sign/verify/shards sign/verify/many"},
		"guard a 1 KiB chat ":      {"guard/chat/1KiB"},
		"guard a 4 KiB chat ":      {"guard/chat/4KiB"},
		"an event of a stream ":    {"guard/sse"},
		"a tensor of 1 MiB, ":      {"guard/kserve/binary"},
		"a detector with ":         {"detect/1KiB detect/100KB"},
		"the same, real documents": {"detect/documents", "detect/markdown"},
		"verify SEV-SNP evidence,": {"attest/snp/simulated"},
	} {
		_, line, ok := strings.Cut(string(readme), "\n| "+row)
		line, _, _ = strings.Cut(line, "\n")
		cells := strings.Split(line, " | ")
		if !ok || len(cells) < 3 {
			t.Errorf("the README has no row %q", row)
			continue
		}
		said := strings.Split(cells[len(cells)-2], "; ")
		for i, names := range gates {
			first, _, _ := strings.Cut(said[i], " x ")
			first, _, _ = strings.Cut(first, " times ")
			first, _, _ = strings.Cut(first, " of ")
			var bounds []float64
			for _, text := range figure.FindAllString(first, -1) {
				f, err := strconv.ParseFloat(text, 64)
				if err != nil {
					t.Fatal(err)
				}
				bounds = append(bounds, f)
			}
			for name := range strings.FieldsSeq(names) {
				got, ok := ratios[name]
				if !ok || len(bounds) == 0 || got < 0.9*bounds[0] || got > 1.1*bounds[len(bounds)-1] {
					t.Errorf("%s: the README says %q, benchmarks/REPORT.md %v", name, first, got)
				}
				if last := cells[len(cells)-1]; !slices.Contains(figure.FindAllString(last, -1), gated[name]) {
					t.Errorf("%s: the bound in the README is %q, that of the gate %s", name, last, gated[name])
				}
			}
		}
	}
}

// readBounds returns the bounds of the gates, as they are written.
func readBounds(t *testing.T) map[string]string {
	b, err := os.ReadFile("benchmarks/gate/bounds.json")
	if err != nil {
		t.Fatal(err)
	}
	var bounds map[string]struct{ Bound json.Number }
	if err := json.Unmarshal(b, &bounds); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, b := range bounds {
		out[name] = b.Bound.String()
	}
	return out
}
