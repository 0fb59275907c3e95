package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign"
)

func newUnseal(ui *ui) *cobra.Command {
	var keys kekFlags
	var effort effortFlags
	var out string
	var unbound bool
	cmd := &cobra.Command{
		Use:   "unseal DIR",
		Short: "Decrypt a sealed model directory; it appears whole or not at all",
		Long: "Decrypt a sealed model directory; it appears whole or not at all. Where the command is killed, or the machine stops, plaintext is left\n" +
			"beside --out as .NAME.partial-NUMBER, which only its owner can enter: remove it.",
		Example: "  holdfast unseal --kek serving.kek --out model model.sealed",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := effort.check(); err != nil {
				return err
			}
			if _, inside := within(args[0], out); inside { // plaintext would lie where only ciphertext is expected
				return fmt.Errorf("%w: --out %s is inside %s", errUsage, out, args[0])
			}
			k, err := keys.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			f, close, err := openSealed(cmd.Context(), args[0], kek.Source{KEK: k, InsecureAllowUnboundKeyset: unbound}, effort.reading()...)
			if err != nil {
				return err
			}
			defer close()
			update, end := ui.progress("unseal")
			err = seal.Unseal(cmd.Context(), out, f, func(p seal.Progress) { update(p.Done, p.Total) })
			end()
			if err != nil {
				return err
			}
			return ui.result(sealView(f.Info()), fmt.Sprintf("unsealed %s version %d in %s", f.Info().Name, f.Info().Version, out),
				"the plaintext is not verified: run holdfast verify on it")
		},
	}
	keys.add(cmd)
	effort.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "directory to create (required)")
	addUnbound(cmd, &unbound)
	required(cmd, "out")
	return cmd
}

// sealed refuses a directory that is none that was sealed.
func sealed(src fs.FS, dir string) error {
	_, err := fs.Stat(src, "seal.json")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is not sealed: it has no seal.json", errUsage, dir)
	}
	return err
}

// openSealed opens a sealed directory; the function it returns closes it.
func openSealed(ctx context.Context, dir string, src seal.KeySource, opts ...seal.Option) (*seal.FS, func(), error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	files := sign.DirFS(root)
	if err := sealed(files, dir); err != nil {
		root.Close()
		return nil, nil, err
	}
	f, err := seal.OpenFS(ctx, files, src, opts...)
	if err != nil {
		err = whichKEK(files, err)
		root.Close()
		return nil, nil, err
	}
	return f, func() { f.Close(); root.Close() }, nil
}
