package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign"
)

func newReseal(ui *ui) *cobra.Command {
	var keys rekeyFlags
	var how sealFlags
	var out string
	cmd := &cobra.Command{
		Use:   "reseal DIR",
		Short: "Encrypt a sealed directory again under a new keyset, so that the old one opens nothing new",
		Long: "Reseal decrypts and encrypts in one pass, without plaintext on the disk, and leaves DIR as it is, unless --replace is given\n" +
			"and --out is DIR. Whoever held the old keyset still reads the old directory: remove it, and raise the minimum version\n" +
			"or the commitment at the key server. Hidden names stay hidden.",
		Example: "  holdfast reseal --kek old.kek --new-kek new.kek --out model.resealed model.sealed\n" +
			"  holdfast reseal --kek old.kek --new-kek new.kek --replace --resume --out model.sealed model.sealed",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := how.check(); err != nil {
				return err
			}
			if _, inside := within(args[0], out); inside {
				return fmt.Errorf("%w: --out %s is inside %s", errUsage, out, args[0])
			}
			old, k, err := keys.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			root, err := os.OpenRoot(args[0])
			if err != nil {
				return err
			}
			defer root.Close()
			src := sign.DirFS(root)
			if err := sealed(src, args[0]); err != nil {
				return err
			}
			f, err := seal.OpenFS(cmd.Context(), src, old, how.reading()...)
			if err != nil {
				return whichKEK(src, err)
			}
			defer f.Close()
			o := how.options()
			o.Name, o.Version, o.Wraps = f.Info().Name, f.Info().Version, []seal.Wrapper{k}
			h, err := how.keyset(cmd.Context(), out, o, k)
			if err != nil {
				return err
			}
			update, end := ui.progress("reseal")
			o.Progress = func(p seal.Progress) { update(p.Done, p.Total) }
			info, err := seal.Reseal(cmd.Context(), out, f, h, o)
			end()
			if err != nil {
				return already(err, how.replace)
			}
			view := sealView(info)
			view["was"] = hexOf(f.Info().Commitment)
			return ui.result(view, fmt.Sprintf("resealed %s version %d in %s", info.Name, info.Version, out),
				"commitment "+hexOf(info.Commitment), "was        "+hexOf(f.Info().Commitment))
		},
	}
	keys.add(cmd)
	how.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "directory to create (required)")
	required(cmd, "out")
	return cmd
}
