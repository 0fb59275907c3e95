package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/kek"
)

// rekeyFlags name the key encryption key that opens a sealed directory, and the one that it goes over to.
type rekeyFlags struct {
	from, to kekFlags
	unbound  bool
}

func (r *rekeyFlags) add(cmd *cobra.Command) {
	r.from.add(cmd)
	r.to.addNew(cmd)
	addUnbound(cmd, &r.unbound)
}

// addUnbound adds the flag that takes keysets of other tools.
func addUnbound(cmd *cobra.Command, unbound *bool) {
	cmd.Flags().BoolVar(unbound, "insecure-allow-unbound-keyset", false, "accept a keyset wrapped without associated data, as tinkey does")
}

// load returns what opens the keyset, and the key that wraps it from now on.
func (r *rekeyFlags) load(ctx context.Context, ui *ui) (old kek.Source, next *kek.KEK, err error) {
	k, err := r.from.load(ctx, ui)
	if err != nil {
		return old, nil, err
	}
	if next, err = r.to.load(ctx, ui); err != nil {
		return old, nil, fmt.Errorf("the new key: %w", err)
	}
	return kek.Source{KEK: k, InsecureAllowUnboundKeyset: r.unbound}, next, nil
}
