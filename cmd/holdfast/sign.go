package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
)

// signFlags say how a model is signed.
type signFlags struct {
	modelFlags
	shardSize int64
	links     bool
}

func (s *signFlags) add(cmd *cobra.Command) {
	s.modelFlags.add(cmd)
	addForm(cmd, &s.shardSize, &s.links)
}

func newSign(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Sign a model, a directory or a single file (OpenSSF Model Signing v1.0)",
		Args:  cobra.ArbitraryArgs,
		RunE:  group,
	}
	cmd.AddCommand(newSignKey(ui), newSignCertificate(ui), newSignDenyList(ui), newSignRules(ui))
	return cmd
}

// unsigned says what a model has that cannot be signed, and what to do about links.
func unsigned(path string, links bool, err error) error {
	switch {
	case errors.Is(err, sign.ErrFormat):
		return fmt.Errorf("%w: %s cannot be signed as it is: %w", errRefused, path, err)
	case errors.Is(err, sign.ErrNotRegular) && !links:
		return fmt.Errorf("%w\na link to a file is taken as the file with --allow-symlinks", hubHint(path, err))
	}
	return err
}

// signDir signs a directory and writes the bundle, whole or not at all.
func signDir(ctx context.Context, ui *ui, path string, flags *signFlags, key crypto.Signer, chain []*x509.Certificate) error {
	t, err := openTarget(path)
	if err != nil {
		return err
	}
	defer t.Close()
	if flags.signature == "" {
		if t.file != "" {
			return fmt.Errorf("%w: --signature is needed for a single file", errUsage)
		}
		flags.signature = filepath.Join(t.dir, filepath.FromSlash(sign.SignatureFile))
	}
	ignore, err := flags.relative(t.dir)
	if err != nil {
		return err
	}
	update, end := ui.progress("sign")
	data, id, err := sign.Sign(ctx, t.src, key, sign.SignOptions{
		Chain: chain, Subject: t.subject(path), IgnorePaths: ignore, ShardSize: flags.shardSize, AllowSymlinks: flags.links,
		Progress: func(p sign.Progress) { update(p.Done, p.Total) },
	})
	end()
	if err != nil {
		return unsigned(path, flags.links, err)
	}
	if name, inside := below(t.dir, flags.signature); inside { // by its spelling: a link in the model must not lead it out
		err = replaceIn(t.root, filepath.FromSlash(name), data)
	} else {
		err = replaceFile(flags.signature, data)
	}
	if err != nil {
		return err
	}
	lines := []string{"signed " + path, "model id  " + hexOf(id), "signature " + flags.signature}
	if _, err := fs.Stat(t.src, sign.CardFile); t.file == "" && errors.Is(err, fs.ErrNotExist) {
		lines = append(lines, "note: without "+sign.CardFile+` the model has no name and no version, which seal, serve and verify --name want: `+
			`add {"name": "…", "version": 1} as that file and sign again`)
	}
	return ui.result(map[string]string{"model_id": hexOf(id), "signature": flags.signature}, lines...)
}
