package main

import (
	"encoding/hex"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/sign"
)

func newRewrap(ui *ui) *cobra.Command {
	var keys rekeyFlags
	var remove bool
	cmd := &cobra.Command{
		Use:   "rewrap DIR",
		Short: "Wrap the keyset of a sealed directory for another key; weights are not touched",
		Long: "Rewrap opens the directory with one key, wraps its keyset with another and reads back what it wrote. Killed at any\n" +
			"point it leaves a directory that opens with one of the two; run again it finishes. Without --remove-old the old key\n" +
			"still opens it, so the new one needs an id of its own. Whoever has opened the model before keeps what they have: to\n" +
			"take that away, use reseal.",
		Example: "  holdfast rewrap --kek old.kek --kek-id 2025 --new-kek new.kek --new-kek-id 2026 --remove-old model.sealed",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			old, k, err := keys.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			root, err := os.OpenRoot(args[0])
			if err != nil {
				return err
			}
			defer root.Close()
			if err := sealed(sign.DirFS(root), args[0]); err != nil {
				return err
			}
			if err := kek.Rewrap(cmd.Context(), root, old, k, !remove); err != nil {
				return whichKEK(sign.DirFS(root), err)
			}
			return ui.wraps(root, fmt.Sprintf("wrapped for %s", k.ID()))
		},
	}
	keys.add(cmd)
	cmd.Flags().BoolVar(&remove, "remove-old", false, "remove the old wrapped keyset once the new one opens")
	return cmd
}

// wraps prints every file of a sealed directory that holds a wrapped keyset, those that readers ignore too.
func (u *ui) wraps(dir *os.Root, line string) error {
	all, err := kek.Wraps(dir.FS())
	if err != nil {
		return err
	}
	list, lines := []map[string]any{}, []string{line}
	for _, w := range all {
		list = append(list, map[string]any{
			"file": w.File, "id": w.ID, "size": w.Size, "sha256": hex.EncodeToString(w.Digest[:]), "passphrase": w.Passphrase,
		})
		note := ""
		if w.ID == "" {
			note = "  (no reader looks at it, and it may hold a keyset)"
		}
		lines = append(lines, fmt.Sprintf("%x  %s%s", w.Digest, w.File, note))
	}
	return u.result(map[string]any{"wraps": list}, lines...)
}
