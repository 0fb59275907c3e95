// Command gate measures the hot paths and fails where a ratio is past its stored bound:
//
//	go -C benchmarks run ./gate [-run REGEXP] [-json]
//
// With -json it writes one line per gate and nothing else to standard output.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/holdfast-ai/holdfast/benchmarks/cases"
	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
)

//go:embed bounds.json
var boundsJSON []byte

// The first measurement has rounds rounds; a miss is measured once more with retryRounds before it counts, since a busy
// machine gives one now and then.
const (
	rounds      = 8
	retryRounds = 24
)

func main() {
	pattern := flag.String("run", "", "only gates whose name matches this regular expression")
	asJSON := flag.Bool("json", false, "one JSON object a line")
	flag.Parse()
	if err := run(os.Stdout, os.Stderr, *pattern, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(1)
	}
}

type bound struct {
	Bound  float64      `json:"bound"`
	Better ratio.Better `json:"better"`
}

// line is the JSON form of one result.
type line struct {
	Gate   string       `json:"gate"`
	Ratio  rounded      `json:"ratio"`
	Bound  float64      `json:"bound"`
	Better ratio.Better `json:"better"`
	Rounds int          `json:"rounds"`
	Spread rounded      `json:"spread"`
}

type rounded float64

func (r rounded) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%.3g", float64(r)), nil }

func run(stdout, stderr io.Writer, pattern string, asJSON bool) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	bounds, err := readBounds(boundsJSON)
	if err != nil {
		return err
	}
	chosen := cases.Matching(re)
	if len(chosen) == 0 {
		return fmt.Errorf("no gate matches %q", pattern)
	}
	var failed error
	for _, c := range chosen {
		b := bounds[c.Name]
		r, err := measure(c, b, stderr)
		if errors.Is(err, cases.ErrProcessor) {
			fmt.Fprintln(stderr, "skipped:", err)
			continue
		}
		if err != nil {
			return err
		}
		ok := b.Better.Meets(r.Ratio, b.Bound)
		if !ok {
			failed = errors.Join(failed, fmt.Errorf("%s: ratio %.3g is past the bound %.3g (%s is better)", r.Name, r.Ratio, b.Bound, b.Better))
		}
		if asJSON {
			err = json.NewEncoder(stdout).Encode(line{r.Name, rounded(r.Ratio), b.Bound, b.Better, r.Rounds, rounded(r.Spread)})
		} else {
			_, err = fmt.Fprintf(stdout, "%-4s %-28s ratio %.3f  bound %s %.3g  (%d rounds, spread %.2f)\n",
				map[bool]string{true: "ok", false: "FAIL"}[ok], r.Name, r.Ratio, map[ratio.Better]string{ratio.Higher: ">=", ratio.Lower: "<="}[b.Better],
				b.Bound, r.Rounds, r.Spread)
		}
		if err != nil {
			return err
		}
	}
	return failed
}

func measure(c cases.Constructor, b bound, stderr io.Writer) (ratio.Result, error) {
	set, err := c.New()
	if err != nil {
		return ratio.Result{}, err
	}
	if set.Close != nil {
		defer set.Close()
	}
	if set.Name != c.Name || set.Better != b.Better {
		return ratio.Result{}, fmt.Errorf("%s: its case is %s, %s is better; its bound says %q", c.Name, set.Name, set.Better, b.Better)
	}
	r, err := ratio.Measure(set, rounds)
	if err != nil || b.Better.Meets(r.Ratio, b.Bound) {
		return r, err
	}
	fmt.Fprintf(stderr, "%s: ratio %.3f is past %.3g in %d rounds; measuring again\n", r.Name, r.Ratio, b.Bound, r.Rounds)
	return ratio.Measure(set, retryRounds)
}

// readBounds wants exactly one usable bound for each case.
func readBounds(data []byte) (map[string]bound, error) {
	var bounds map[string]bound
	if err := json.Unmarshal(data, &bounds); err != nil {
		return nil, fmt.Errorf("bounds.json: %w", err)
	}
	known := map[string]bool{}
	for _, c := range cases.All() {
		known[c.Name] = true
		if b := bounds[c.Name]; b.Bound <= 0 || (b.Better != ratio.Higher && b.Better != ratio.Lower) {
			return nil, fmt.Errorf("bounds.json: %s has no usable bound", c.Name)
		}
	}
	for name := range bounds {
		if !known[name] {
			return nil, fmt.Errorf("bounds.json: %s is no gate", name)
		}
	}
	return bounds, nil
}
