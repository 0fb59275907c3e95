// Command report measures all gates and the comparisons with peers, and writes REPORT.md and REPORT.svg:
//
//	go -C benchmarks run ./report [-out DIR]
//
// Run it on a quiet machine. The ratios hold elsewhere; the speeds are this machine's.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/benchmarks/cases"
	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
)

const rounds = 8

func main() {
	out := flag.String("out", ".", "where to write the report")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

type row struct {
	ratio.Result
	better ratio.Better
	bytes  int64
}

func run(dir string) error {
	var rows []row
	for _, c := range slices.Concat(cases.All(), cases.Peers()) {
		set, err := c.New()
		if errors.Is(err, cases.ErrProcessor) {
			fmt.Println("skipped:", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		r, err := ratio.Measure(set, rounds)
		if set.Close != nil {
			set.Close()
		}
		if err != nil {
			return err
		}
		fmt.Printf("%-30s %.3f\n", r.Name, r.Ratio)
		rows = append(rows, row{r, set.Better, set.Bytes})
	}
	reads, err := cases.RandomReads()
	if err != nil {
		return err
	}
	serving, err := cases.ServingWhileLoading()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "REPORT.md"), markdown(rows, slices.Concat(reads, serving)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "REPORT.svg"), svg(rows), 0o644)
}

func markdown(rows []row, calls []cases.Latency) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `go -C benchmarks run ./report` on %d cores of %s, %s, %s/%s. Each ratio is the median of %d rounds\n"+
		"in one process, by CPU time (workers2, cores, onepass/wall, sign/serving and model-signing: by wall time); time and speed are those of one core of this machine.\n\n![ratios](REPORT.svg)\n\n",
		runtime.NumCPU(), cpu(), runtime.Version(), runtime.GOOS, runtime.GOARCH, rounds)
	b.WriteString("| comparison | better | ratio | spread | Holdfast | yardstick |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| `%s` | %s | %.2f | %.2f | %s | %s |\n", r.Name, r.better, r.Ratio, r.Spread, speed(r.Subject, r.bytes), speed(r.Yardstick, r.bytes))
	}
	b.WriteString("\nThe yardstick of a gate is the least work that could do the job (raw AES-256-GCM, a hash and a copy, a handler that decodes the same\n" +
		"body); that of a peer is the peer on the same bytes. Bounds are in `gate/bounds.json`.\n")
	b.WriteString("\n| single calls, files in the page cache; requests while a model is verified in the same process | median | 90 % | 99 % |\n|---|---|---|---|\n")
	for _, l := range calls {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", l.Name, l.P50.Round(time.Microsecond), l.P90.Round(time.Microsecond), l.P99.Round(time.Microsecond))
	}
	fmt.Fprintf(&b, "\nPeers: tink-go %s, age %s (ChaCha20-Poly1305, pieces of 64 KiB), model-signing 1.1.1 of PyPI (wall time, all cores, in one process), "+
		"Coraza %s with the OWASP core rule set %s (a chat of 4 KiB; the guard with its default policy is the subject).\n",
		version("github.com/tink-crypto/tink-go/v2"), version("filippo.io/age"),
		version("github.com/corazawaf/coraza/v3"), version("github.com/corazawaf/coraza-coreruleset/v4"))
	return b.Bytes()
}

func speed(d time.Duration, n int64) string {
	if n == 0 {
		return d.Round(10 * time.Nanosecond).String()
	}
	return fmt.Sprintf("%.2f GB/s", float64(n)/float64(d))
}

func cpu() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(info)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				return strings.Trim(name, "\t :\n")
			}
		}
	}
	return "an unknown processor"
}

func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}

// svg draws one bar a row: how fast Holdfast is beside its yardstick, with a line where they are equal.
func svg(rows []row) []byte {
	const left, unit, height = 240, 180, 28
	width := left + 3*unit + 60
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n", width, height*len(rows)+50)
	fmt.Fprintf(&b, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"10\" y=\"20\">Speed beside the yardstick (1 = as fast)</text>\n")
	for i, r := range rows {
		v := r.Ratio
		if r.better == ratio.Lower {
			v = 1 / v
		}
		y := 36 + i*height
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left-8, y+14, r.Name)
		fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"18\" fill=\"#3b6ea5\"/>\n", left, y, min(v, 3)*unit)
		fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"%d\">%.2f</text>\n", left+min(v, 3)*unit+6, y+14, v)
	}
	fmt.Fprintf(&b, "<line x1=\"%d\" y1=\"30\" x2=\"%d\" y2=\"%d\" stroke=\"#a33\" stroke-dasharray=\"4 3\"/>\n</svg>\n", left+unit, left+unit, 40+height*len(rows))
	return b.Bytes()
}
