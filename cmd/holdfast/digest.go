package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
)

func newDigest(ui *ui) *cobra.Command {
	var flags modelFlags
	var from layoutFlags
	var shardSize int64
	var links bool
	cmd := &cobra.Command{
		Use:   "digest MODEL",
		Short: "Print the identity that a model would be signed with, without a key",
		Long: "Print the identity that a model would be signed with, and the root digest of OMS, which model_signing prints too (where names\n" +
			"contain bytes below \"/\", it orders files differently and prints another).",
		Example: "  holdfast digest model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := from.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			ignore, err := flags.relative(t.dir)
			if err != nil {
				return err
			}
			update, end := ui.progress("digest")
			m, err := sign.Measure(cmd.Context(), t.src, sign.SignOptions{
				Subject: t.subject(args[0]), IgnorePaths: ignore, ShardSize: shardSize, AllowSymlinks: links,
				Progress: func(p sign.Progress) { update(p.Done, p.Total) },
			})
			end()
			if err != nil {
				return unsigned(args[0], links, err)
			}
			return ui.result(map[string]any{
				"model_id": hexOf(m.ModelID()), "root_digest": hexOf(m.Root), "method": m.Method, "files": len(m.Files),
			}, "model id "+hexOf(m.ModelID()), "root digest sha256:"+hexOf(m.Root), fmt.Sprintf("files    %d", len(m.Files)))
		},
	}
	flags.add(cmd)
	from.add(cmd)
	addForm(cmd, &shardSize, &links)
	return cmd
}
