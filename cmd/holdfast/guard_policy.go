package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard"
)

func newGuardPolicy(ui *ui) *cobra.Command {
	var server string
	var models, canaries []string
	var trusted bool
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print a guard policy in JSON, to begin one's own for serve --guard-policy with",
		Long: `Print a guard policy in JSON, to begin one's own for serve --guard-policy with.

It has the routes that clients of the server use, and is for callers who are not trusted: what they write as system messages counts as
their own words, and tools are neither defined nor called. A field that is left out of a policy has its default, and routes have none: what is not
named there is refused. The fields are those of guard.Policy: go doc github.com/holdfast-ai/holdfast/guard.Policy. What the policy
leaves open is said on standard error.`,
		Example: "  holdfast guard policy --server vllm --model harbor-tiny --canary canary-5e1f09 > guard.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p := guard.UntrustedPolicy()
			if trusted {
				p = guard.DefaultPolicy()
			}
			if server != "" {
				if p.Routes = guard.ServerRoutes(guard.Server(server)); p.Routes == nil {
					return fmt.Errorf("%w: --server %q is none of %s, %s, %s and %s", errUsage, server, guard.ServerVLLM, guard.ServerLlamaCpp, guard.ServerOllama, guard.ServerKServe)
				}
			}
			p.Models, p.Canary = models, canaries
			if _, err := guard.New(p); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			for _, w := range p.Warnings() {
				fmt.Fprintf(ui.err, "holdfast: left open: %s: %s\n", w.Field, w.Text)
			}
			text, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				return err
			}
			ui.printed = true
			_, err = fmt.Fprintf(ui.out, "%s\n", text)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&server, "server", "", "what it is for: vllm (SGLang too), llama.cpp, ollama or kserve (default: the built-in engine)")
	flags.StringArrayVar(&models, "model", nil, "model that may be asked for, as the server calls it; may be given again (default: any)")
	flags.StringArrayVar(&canaries, "canary", nil, "text of the system prompt that no answer may contain, 8 bytes at least; may be given again")
	flags.BoolVar(&trusted, "trusted", false, "for applications of your own: system messages count as the operator's, tools may be called")
	return cmd
}
