package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
)

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

// addForm adds the flags that say how a model is described.
func addForm(cmd *cobra.Command, shardSize *int64, links *bool) {
	cmd.Flags().Int64Var(shardSize, "shard-size", 0, "sign files in shards of this many bytes, which model_signing's command cannot verify (default: whole files)")
	cmd.Flags().BoolVar(links, "allow-symlinks", false, "take a link to a file as the file")
}
