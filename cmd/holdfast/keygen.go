package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/internal/durable"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

var curves = map[string]elliptic.Curve{
	"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521(),
}

func newKeygen(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make the keys that models are signed and sealed with",
		Args:  cobra.ArbitraryArgs,
		RunE:  group,
	}
	cmd.AddCommand(newKeygenSigning(ui), newKeygenIdentity(ui), newKeygenKEK(ui))
	return cmd
}

func newKeygenSigning(ui *ui) *cobra.Command {
	var curve string
	cmd := newKeyPair(ui, &curve, &cobra.Command{
		Use:     "signing",
		Short:   "Make an ECDSA key pair for signing models, in PEM",
		Example: "  holdfast keygen signing --private-key model.key --public-key model.pub",
	})
	cmd.Flags().StringVar(&curve, "curve", "p256", "p256, p384 or p521")
	return cmd
}

// newKeygenIdentity makes the key of a key server: a kind of its own, so that no signing key is used for it.
func newKeygenIdentity(ui *ui) *cobra.Command {
	curve := "p256"
	return newKeyPair(ui, &curve, &cobra.Command{
		Use:     "identity",
		Short:   "Make the identity of a key server, an ECDSA P-256 key pair in PEM; guests pin the public key",
		Example: "  holdfast keygen identity --private-key server.key --public-key server.pub",
	})
}

// newKeyPair completes a command that makes a key pair on a curve.
func newKeyPair(ui *ui, curve *string, cmd *cobra.Command) *cobra.Command {
	var private, public, passwordFile string
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, ok := curves[*curve]
		if !ok {
			return fmt.Errorf("%w: curve %q is none of p256, p384, p521", errUsage, *curve)
		}
		password, err := newPassword(cmd.Context(), ui, passwordFile, cmd.Flags().Changed("password-file"))
		if err != nil {
			return err
		}
		defer clear(password)
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			return err
		}
		encrypted, kind := password != nil, ""
		marshal := bundle.MarshalPrivateKey
		if encrypted {
			kind = ", encrypted"
			marshal = func(key *ecdsa.PrivateKey) ([]byte, error) { return bundle.MarshalEncryptedPrivateKey(key, password) }
		}
		secret, err := marshal(key)
		if err != nil {
			return err
		}
		defer clear(secret)
		text, err := bundle.MarshalPublicKey(key.Public())
		if err != nil {
			return err
		}
		hint, err := bundle.Hint(key.Public())
		if err != nil {
			return err
		}
		fingerprint, err := bundle.Fingerprint(key.Public())
		if err != nil {
			return err
		}
		if err := durable.Create(private, 0o600, secret); err != nil { // no key is ever overwritten
			return err
		}
		if err := durable.Create(public, 0o644, text); err != nil {
			return errors.Join(err, os.Remove(private)) // half a pair is of no use
		}
		return ui.result(map[string]any{
			"private_key": private, "encrypted": encrypted, "public_key": public, "fingerprint": hexOf(fingerprint), "hint": hint,
		},
			"private key "+private+kind, "public key  "+public,
			"fingerprint "+hexOf(fingerprint), // as verify names signers, and deny lists the keys they refuse
			"hint        "+hint)               // as a signature names the key that made it
	}
	cmd.Flags().StringVar(&private, "private-key", "", "file to write the private key to, PKCS #8 PEM, mode 0600 (required)")
	cmd.Flags().StringVar(&public, "public-key", "", "file to write the public key to, SubjectPublicKeyInfo PEM (required)")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file whose first line is the password to encrypt the private key under, - for standard input\n"+
		"(default: the variable HOLDFAST_PASSWORD or COSIGN_PASSWORD; without one the key is not encrypted)")
	required(cmd, "private-key", "public-key")
	return cmd
}

func newKeygenKEK(ui *ui) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:     "kek",
		Short:   "Make a key file that wraps the keys of sealed models: 32 random bytes",
		Example: "  holdfast keygen kek --out serving.kek",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := kek.NewKeyFile(out); err != nil {
				return err
			}
			return ui.result(map[string]string{"kek": out}, "key file "+out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write (required)")
	required(cmd, "out")
	return cmd
}
