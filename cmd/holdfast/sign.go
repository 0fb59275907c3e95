package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// maxKeyFile bounds key and certificate files, in bytes.
const maxKeyFile = 1 << 20

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

// modelFlags are the flags that signing and verifying share, named as model_signing's users know them.
type modelFlags struct {
	signature string
	ignore    []string
}

func (m *modelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.signature, "signature", "", "signature file (default DIR/"+sign.SignatureFile+")")
	cmd.Flags().StringArrayVar(&m.ignore, "ignore-paths", nil, "path to leave out, with all below it; may be given again")
}

// relative lists the ignored paths and the signature as names inside dir; paths outside of it are errors, since a typo
// there would sign more than was meant. Where there is no directory, ignored paths are names in the model.
func (m *modelFlags) relative(dir string) ([]string, error) {
	if dir == "" { // nothing outside of the model has a name in it
		return m.ignore, nil
	}
	var out []string
	for _, p := range m.ignore {
		name, ok := within(dir, p)
		if !ok {
			return nil, fmt.Errorf("%w: --ignore-paths %s is not inside %s", errUsage, p, dir)
		}
		out = append(out, name)
	}
	if m.signature == "" { // the path of nothing is the working directory, which may lie inside dir
		return out, nil
	}
	if name, ok := within(dir, m.signature); ok {
		out = append(out, name)
	}
	return out, nil
}

// within returns path as a slash-separated name relative to dir, if it lies below it. Either may be reached through
// symbolic links; what path itself is does not matter.
func within(dir, path string) (string, bool) {
	d, err1 := filepath.Abs(dir)
	p, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return "", false
	}
	if real, err := filepath.EvalSymlinks(d); err == nil {
		d = real
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(p)); err == nil {
		p = filepath.Join(real, filepath.Base(p))
	}
	return below(d, p)
}

// below returns path as a slash-separated name relative to dir by their spelling alone.
func below(dir, path string) (string, bool) {
	d, err1 := filepath.Abs(dir)
	p, err2 := filepath.Abs(path)
	rel, err := filepath.Rel(d, p)
	if err = errors.Join(err, err1, err2); err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

func newSign(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Sign a model, a directory or a single file (OpenSSF Model Signing v1.0)",
		Args:  cobra.NoArgs,
		RunE:  group,
	}
	cmd.AddCommand(newSignKey(ui), newSignCertificate(ui), newSignDenyList(ui), newSignRules(ui))
	return cmd
}

// privateKey are the flags that name a private key.
type privateKey struct{ file, password string }

func (p *privateKey) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "private-key", "", "private key file, PEM (required)")
	cmd.Flags().StringVar(&p.password, "password", "", "password of the private key, if it is encrypted")
	required(cmd, "private-key")
}

func (p *privateKey) load() (crypto.Signer, error) {
	text, err := readFile(p.file, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var password []byte
	if p.password != "" {
		password = []byte(p.password)
	}
	return bundle.ParsePrivateKey(text, password)
}

func newSignKey(ui *ui) *cobra.Command {
	var flags signFlags
	var private privateKey
	cmd := &cobra.Command{
		Use:     "key MODEL",
		Short:   "Sign with a private key (ECDSA P-256, P-384 or P-521, PEM)",
		Example: "  holdfast sign key --private-key model.key --signature model.sig model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := private.load()
			if err != nil {
				return err
			}
			return signDir(cmd.Context(), ui, args[0], &flags, key, nil)
		},
	}
	flags.add(cmd)
	private.add(cmd)
	return cmd
}

func newSignCertificate(ui *ui) *cobra.Command {
	var flags signFlags
	var private privateKey
	var leaf string
	var chain []string
	cmd := &cobra.Command{
		Use:   "certificate MODEL",
		Short: "Sign with a private key and the certificate that was issued for it",
		Example: "  holdfast sign certificate --private-key model.key --signing-certificate model.pem \\\n" +
			"    --certificate-chain ca.pem --signature model.sig model",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := private.load()
			if err != nil {
				return err
			}
			certs, err := readCertificates(append([]string{leaf}, chain...))
			if err != nil {
				return err
			}
			return signDir(cmd.Context(), ui, args[0], &flags, key, certs)
		},
	}
	flags.add(cmd)
	private.add(cmd)
	cmd.Flags().StringVar(&leaf, "signing-certificate", "", "certificate of the private key, PEM (required)")
	cmd.Flags().StringArrayVar(&chain, "certificate-chain", nil, "certificates from the issuer on, PEM; may be given again")
	required(cmd, "signing-certificate")
	return cmd
}

func readCertificates(names []string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, n := range names {
		text, err := readFile(n, maxKeyFile)
		if err != nil {
			return nil, err
		}
		certs, err := bundle.ParseCertificates(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		out = append(out, certs...)
	}
	return out, nil
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
		return err
	}
	if name, inside := below(t.dir, flags.signature); inside { // by its spelling: a link in the model must not lead it out
		err = replaceIn(t.root, filepath.FromSlash(name), data)
	} else {
		err = replaceFile(flags.signature, data)
	}
	if err != nil {
		return err
	}
	return ui.result(map[string]string{"model_id": hexOf(id), "signature": flags.signature},
		"signed "+path, "model id  "+hexOf(id), "signature "+flags.signature)
}

// replaceFile writes a file through a temporary sibling, so that a reader sees the old or the new one. A pipe or a device, such as
// /dev/stdout, is written to and not replaced.
func replaceFile(name string, data []byte) error {
	if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	return replaceIn(root, filepath.Base(name), data)
}

// replaceIn is replaceFile below root: no link in a directory that somebody else wrote leads out of it.
func replaceIn(root *os.Root, name string, data []byte) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%s.tmp", name, rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}

// readFile reads a regular file of at most max bytes, and never waits for one that is a pipe.
func readFile(name string, max int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readRegular(f, name, max)
}

func readRegular(f fs.File, name string, max int64) ([]byte, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", errUsage, name)
	}
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", errUsage, name, max)
	}
	return data, nil
}
