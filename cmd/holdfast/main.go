// Command holdfast signs, seals, inspects and serves GenAI models.
//
// Exit codes: 0 success; 1 a check refused (signature, policy, seal, bill of materials); 2 the command line or the
// environment is at fault (flags, missing files, I/O).
//
// The files are named after the commands: sign_key.go is "holdfast sign key", serve.go and serve_*.go are "holdfast serve". What several
// commands share stands in files named after it: files.go, keys.go, listen.go, target.go and so on.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-ai/holdfast/crypto/memory"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends what does not see the first
	// Keys and plaintext are in no core dump, and other programs of the same user do not read them.
	if _, err := memory.HardenProcess(); err != nil && !errors.Is(err, memory.ErrUnsupported) {
		fmt.Fprintln(os.Stderr, "holdfast: this process may be traced, or dump core:", err)
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr *os.File) int {
	ui := &ui{out: stdout, err: stderr}
	root := newRoot(ui)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if cmd.ValidateArgs(cmd.Flags().Args()) != nil {
		err = fmt.Errorf("%w (%s)", err, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("stopped by a signal: %w", err)
	}
	if what, names, ok := strings.Cut(err.Error(), "\n\nDid you mean this?"); ok {
		err = fmt.Errorf("%w: %s: did you mean %s?", errUsage, what, strings.Join(strings.Fields(names), ", "))
	}
	code := exitCode(err)
	for line := range strings.SplitSeq(err.Error(), "\n") { // joined errors stand on lines of their own
		fmt.Fprintln(stderr, "holdfast:", printable(line))
	}
	// A flag before --json may be what is wrong; then it was not parsed.
	if ui.json = ui.json || slices.Contains(args, "--json"); ui.json && !ui.printed {
		_ = ui.result(map[string]any{"error": err.Error(), "exit": code}) // stdout is gone: stderr has it
	}
	return code
}

func newRoot(ui *ui) *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Sign, seal, inspect and serve GenAI models",
		Long: `Sign, seal, inspect and serve GenAI models.

Exit codes: 0 done; 1 a check refused (signature, policy, seal, bill of materials); 2 the command line or the environment is at fault
(flags, missing files, I/O). With --json, standard output holds one JSON document; of a failure it is {"error", "exit"}.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return filled(cmd.Flags()) },
	}
	root.PersistentFlags().BoolVar(&ui.json, "json", false, "print one JSON document instead of text and progress bars")
	root.SetGlobalNormalizationFunc(hyphens)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	root.AddCommand(
		newKeygen(ui), newSign(ui), newVerify(ui), newDigest(ui), newLint(ui), newMBOM(ui),
		newSeal(ui), newUnseal(ui), newInspect(ui), newRewrap(ui), newReseal(ui), newBench(ui),
		newKeyserver(ui), newServe(ui), newAttest(ui), newGuard(ui),
		newSignModel(ui), newVerifyModel(ui), newCapabilities(ui),
	)
	return root
}

// version is that of the module, or the commit, as the go command wrote it into the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// group is what a command does that needs a subcommand: without it "verify DIR" would print help and succeed.
func group(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	is := ""
	if len(args) > 0 {
		is = fmt.Sprintf(", and %q is none", args[0])
	}
	return fmt.Errorf("%w: %s needs a subcommand%s: %s", errUsage, cmd.CommandPath(), is, strings.Join(names, ", "))
}

// hyphens lets flags be written with underscores too, as model_signing writes them.
func hyphens(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
}

// filled refuses flags that were given nothing, as by a variable that is not set: what they ask for would be left out, or chosen by a default.
func filled(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if err == nil && slices.Contains(values, "") {
			err = fmt.Errorf("%w: --%s is empty: leave it out for its default", errUsage, f.Name)
		}
	})
	return err
}

// required marks flags that a command cannot run without.
func required(cmd *cobra.Command, names ...string) {
	for _, n := range names {
		if err := cmd.MarkFlagRequired(n); err != nil {
			panic("holdfast: internal error: " + err.Error())
		}
	}
}
