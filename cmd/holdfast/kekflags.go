package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// kekFlags names the key encryption key: a key file or a passphrase file.
type kekFlags struct {
	file, passphrase, id string

	prefix string // of the flags' names
	chosen bool   // what is sealed will open with this passphrase alone: who types it types it twice
	typed  []byte // the passphrase that came from standard input
}

func (k *kekFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "kek", "", "key file of 32 bytes, as made by keygen kek")
	cmd.Flags().StringVar(&k.passphrase, "passphrase-file", "", "file whose first line is the passphrase, - for standard input: a terminal is asked")
	cmd.Flags().StringVar(&k.id, "kek-id", "default", "id of the wrapped keyset, the file seal.keys/ID.json")
	cmd.MarkFlagsMutuallyExclusive("kek", "passphrase-file")
}

// addNew names the key encryption key that a directory goes over to.
func (k *kekFlags) addNew(cmd *cobra.Command) {
	k.prefix, k.chosen = "new-", true
	cmd.Flags().StringVar(&k.file, "new-kek", "", "key file to wrap with, 32 bytes, as made by keygen kek")
	cmd.Flags().StringVar(&k.passphrase, "new-passphrase-file", "", "file whose first line is the passphrase to wrap with, - for standard input")
	cmd.Flags().StringVar(&k.id, "new-kek-id", "default", "id of the new wrapped keyset, the file seal.keys/ID.json")
	cmd.MarkFlagsMutuallyExclusive("new-kek", "new-passphrase-file")
}

func (k *kekFlags) given() bool { return k.file != "" || k.passphrase != "" }

// load makes the key. What was typed or came from standard input is kept: a key server reads its policy again, with the same key.
func (k *kekFlags) load(ctx context.Context, ui *ui) (*kek.KEK, error) {
	switch {
	case k.file != "":
		key, err := kek.ReadKeyFile(k.id, k.file)
		if errors.Is(err, kek.ErrFormat) { // the command line names a file that is none
			return nil, fmt.Errorf("%w: %s: %w", errUsage, k.file, err)
		}
		return key, err
	case k.passphrase == "":
		return nil, fmt.Errorf("%w: give --%[2]skek or --%[2]spassphrase-file", errUsage, k.prefix)
	}
	phrase := k.typed
	if phrase == nil {
		var err error
		if phrase, err = readSecret(ctx, ui, k.passphrase, k.what(), k.chosen); err != nil {
			return nil, err
		}
	}
	if k.passphrase == "-" {
		k.typed = slices.Clone(phrase)
	}
	return kek.FromPassphrase(k.id, phrase, kek.Argon2{})
}

// whichKEK lists the ids under which a sealed directory is wrapped, where the one that was given is none of them.
func whichKEK(src fs.FS, err error) error {
	if !errors.Is(err, kek.ErrNoWrap) {
		return err
	}
	c, err2 := seal.Inspect(src)
	if err2 != nil || len(c.Wraps) == 0 {
		return err
	}
	ids := make([]string, len(c.Wraps))
	for i, w := range c.Wraps {
		ids[i] = strconv.Quote(w.ID)
	}
	return fmt.Errorf("%w\nit is wrapped for %s: --kek-id says for which of them the key is", err, strings.Join(ids, ", "))
}

func (k *kekFlags) what() string {
	if k.chosen {
		return "new passphrase"
	}
	return "passphrase"
}
