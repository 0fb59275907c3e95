package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// kekFlags names the key encryption key: a key file or a passphrase file.
type kekFlags struct{ file, passphrase, id string }

func (k *kekFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "kek", "", "key file of 32 bytes, as made by keygen kek")
	cmd.Flags().StringVar(&k.passphrase, "passphrase-file", "", "file whose first line is the passphrase")
	cmd.Flags().StringVar(&k.id, "kek-id", "default", "id of the wrapped keyset, the file seal.keys/ID.json")
	cmd.MarkFlagsMutuallyExclusive("kek", "passphrase-file")
}

func (k *kekFlags) given() bool { return k.file != "" || k.passphrase != "" }

func (k *kekFlags) load() (*kek.KEK, error) {
	switch {
	case k.file != "":
		return kek.ReadKeyFile(k.id, k.file)
	case k.passphrase != "":
		f, err := os.Open(k.passphrase)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		line, err := bufio.NewReaderSize(f, 2048).ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(line) == 0 {
			return nil, fmt.Errorf("%w: the passphrase file is empty", errUsage)
		}
		return kek.FromPassphrase(k.id, []byte(strings.TrimRight(string(line), "\r\n")), kek.Argon2{})
	}
	return nil, fmt.Errorf("%w: give --kek or --passphrase-file", errUsage)
}

func newSeal(ui *ui) *cobra.Command {
	var keys kekFlags
	var how sealFlags
	var from layoutFlags
	var out string
	cmd := &cobra.Command{
		Use:   "seal DIR",
		Short: "Encrypt a signed model (Tink AES256-GCM-HKDF streaming)",
		Example: "  holdfast seal --kek serving.kek --out model.sealed model\n  holdfast seal --kek serving.kek --hide-names --resume --out model.sealed model\n" +
			"  holdfast seal --kek serving.kek --layout hub --out model.sealed ~/.cache/huggingface/hub/models--org--name",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, inside := within(args[0], out); inside { // it would be an unsigned part of the model
				return fmt.Errorf("%w: --out %s is inside %s", errUsage, out, args[0])
			}
			k, err := keys.load()
			if err != nil {
				return err
			}
			t, err := from.directory(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			src, err := t.signed(cmd.Context())
			if err != nil {
				return err
			}
			decl, err := mbom.ReadDeclaration(src)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w: the model has no %s, whose name and version it is sealed under: {\"name\": …, \"version\": 1}", errUsage, mbom.DeclarationFile)
			}
			if err != nil {
				return err
			}
			o := how.options()
			o.Name, o.Version, o.Wraps = decl.Name, decl.Version, []seal.Wrapper{k}
			h, err := how.keyset(cmd.Context(), out, o, k)
			if err != nil {
				return err
			}
			update, end := ui.progress("seal")
			o.Progress = func(p seal.Progress) { update(p.Done, p.Total) }
			info, err := seal.Dir(cmd.Context(), out, src, h, o)
			end()
			if err != nil {
				return err
			}
			return ui.result(sealView(info), fmt.Sprintf("sealed %s version %d in %s", info.Name, info.Version, out),
				"commitment "+hexOf(info.Commitment))
		},
	}
	keys.add(cmd)
	how.add(cmd)
	from.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "directory to create (required)")
	required(cmd, "out")
	return cmd
}

func newUnseal(ui *ui) *cobra.Command {
	var keys kekFlags
	var effort effortFlags
	var out string
	var unbound bool
	cmd := &cobra.Command{
		Use:     "unseal DIR",
		Short:   "Decrypt a sealed model directory; it appears whole or not at all",
		Example: "  holdfast unseal --kek serving.kek --out model model.sealed",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, inside := within(args[0], out); inside { // plaintext would lie where only ciphertext is expected
				return fmt.Errorf("%w: --out %s is inside %s", errUsage, out, args[0])
			}
			k, err := keys.load()
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
	cmd.Flags().BoolVar(&unbound, "insecure-allow-unbound-keyset", false, "accept a keyset wrapped without associated data, as tinkey does")
	required(cmd, "out")
	return cmd
}

func openSealed(ctx context.Context, dir string, src seal.KeySource, opts ...seal.Option) (*seal.FS, func(), error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := seal.OpenFS(ctx, sign.DirFS(root), src, opts...)
	if err != nil {
		root.Close()
		return nil, nil, err
	}
	return f, func() { f.Close(); root.Close() }, nil
}

func sealView(i seal.Info) map[string]any {
	return map[string]any{
		"name": i.Name, "version": i.Version, "commitment": hexOf(i.Commitment), "seal_json": hexOf(i.ManifestDigest),
	}
}

// inspectSealed says what a sealed directory tells without a key.
func inspectSealed(ui *ui, src fs.FS) error {
	c, err := seal.Inspect(src)
	if err != nil {
		return err
	}
	view := sealView(c.Info)
	view["kind"], view["authenticated"], view["segment"], view["hidden"] = "sealed", false, c.Segment, c.Hidden
	files, wraps := []map[string]any{}, []string{}
	lines := []string{
		fmt.Sprintf("sealed directory: %s version %d (nothing here is authenticated without the key)", c.Name, c.Version),
		"commitment " + hexOf(c.Commitment),
		fmt.Sprintf("segments   of %d bytes", c.Segment),
	}
	if c.Hidden {
		lines = append(lines, "the names of its files are sealed too")
	}
	for _, w := range c.Wraps {
		wraps = append(wraps, w.ID)
		lines = append(lines, "wrapped for "+w.ID)
	}
	for _, f := range c.Files {
		files = append(files, map[string]any{"path": f.Path, "size": f.Size})
		lines = append(lines, fmt.Sprintf("%12d  %s", f.Size, f.Path))
	}
	view["files"], view["wraps"] = files, wraps
	return ui.result(view, lines...)
}
