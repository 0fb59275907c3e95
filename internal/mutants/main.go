// Command mutants seeds one fault at a time into a copy of the tree and demands that a named test sees it. Run from the
// repository root:
//
//	go run ./internal/mutants [-run REGEXP]
//
// Each file in internal/mutants/patches is a unified diff under header lines:
//
//	# stage: the stage of .ci/run that must go red
//	# test: the command that must fail, for example: go test ./internal/dsse -run ^TestRefused$
//	# red: text that its output must then contain, by default "--- FAIL: " and the name given with -run
//
// A fault that does not compile counts as not caught, and so does one whose test is red without it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
)

func main() {
	pattern := flag.String("run", "", "only mutants whose name matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *pattern); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pattern string) error {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	all, err := readMutants("internal/mutants/patches")
	if err != nil {
		return err
	}
	var chosen []mutant
	for _, m := range all {
		if match.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyTree(ctx, ".", dir); err != nil {
		return err
	}
	l := lab{dir: dir, env: labEnv("."), out: os.Stdout, clean: map[string]error{}}
	caught := 0
	for _, m := range chosen {
		if l.try(ctx, m) {
			caught++
		}
	}
	fmt.Printf("%d seeded, %d caught\n", len(chosen), caught)
	if caught < len(chosen) || len(chosen) == 0 {
		return fmt.Errorf("%d of %d faults would not be seen", len(chosen)-caught, len(chosen))
	}
	return nil
}
