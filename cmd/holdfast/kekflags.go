package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/kek"
)

// kekFlags names the key encryption key: a key file or a passphrase file.
type kekFlags struct{ file, passphrase, id string }

func (k *kekFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "kek", "", "key file of 32 bytes, as made by keygen kek")
	cmd.Flags().StringVar(&k.passphrase, "passphrase-file", "", "file whose first line is the passphrase")
	cmd.Flags().StringVar(&k.id, "kek-id", "default", "id of the wrapped keyset, the file seal.keys/ID.json")
	cmd.MarkFlagsMutuallyExclusive("kek", "passphrase-file")
}

// addNew names the key encryption key that a directory goes over to.
func (k *kekFlags) addNew(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "new-kek", "", "key file to wrap with, 32 bytes, as made by keygen kek")
	cmd.Flags().StringVar(&k.passphrase, "new-passphrase-file", "", "file whose first line is the passphrase to wrap with")
	cmd.Flags().StringVar(&k.id, "new-kek-id", "default", "id of the new wrapped keyset, the file seal.keys/ID.json")
	cmd.MarkFlagsMutuallyExclusive("new-kek", "new-passphrase-file")
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
