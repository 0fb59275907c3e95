package kek

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// Rewrap wraps the keyset of a sealed directory for another key encryption key and writes it to seal.keys. Weights are not
// touched: it costs the same for any model. The directory is opened first, so that name, version and commitment that the new
// wrapping is bound to are authentic, also where from reads an unbound keyset. What was written is read back and unwrapped
// before Rewrap returns nil.
//
// With keepOld the old wrapping stays beside the new one; without it is removed at the end, once the new one is durable, and
// so is what killed processes left of it. At whatever point the process is killed, the directory opens with one of the two or with both, and running it again finishes
// the work. Where both have the same id the file is replaced in one step.
//
// Re-wrapping takes nothing away from those who have opened the model; that takes sealing again under a new keyset.
// Errors: those of [seal.OpenFS], [KEK.Unwrap] and [KEK.Wrap], and those of the file system.
func Rewrap(ctx context.Context, dir *os.Root, from Source, to *KEK, keepOld bool) error {
	return rewrap(ctx, dir, from, to, keepOld, func(string) error { return nil })
}

// rewrap is Rewrap with a hook before each step that changes the directory: a test stops it there.
func rewrap(ctx context.Context, dir *os.Root, from Source, to *KEK, keepOld bool, before func(step string) error) error {
	if from.KEK == nil || to == nil {
		return fmt.Errorf("%w: re-wrapping needs two keys", ErrParameters)
	}
	info, h, err := open(ctx, dir.FS(), from)
	if errors.Is(err, ErrNoWrap) && !keepOld { // an earlier run may have been stopped at the very end
		if _, _, again := open(ctx, dir.FS(), Source{KEK: to}); again == nil {
			return sweep(dir, from.KEK.id)
		}
	}
	if err != nil {
		return err
	}
	w, err := to.Wrap(ctx, h, info)
	if err != nil {
		return err
	}
	if err := before("write"); err != nil {
		return err
	}
	if err := seal.WriteWrapped(dir, w); err != nil {
		return err
	}
	if _, _, err := open(ctx, dir.FS(), Source{KEK: to}); err != nil {
		return fmt.Errorf("kek: the new wrapping does not open, the old one is kept: %w", err)
	}
	if keepOld {
		return nil
	}
	if from.KEK.id != to.id {
		if err := before("remove"); err != nil {
			return err
		}
		if err := seal.RemoveWrapped(dir, from.KEK.id); err != nil {
			return err
		}
	}
	return sweep(dir, from.KEK.id)
}

// sweep removes what killed processes left of wrapping under an id, ".ID.NUMBER": the old key opens those too.
func sweep(dir *os.Root, id string) error {
	all, err := Wraps(dir.FS())
	if err != nil {
		return err
	}
	for _, w := range all {
		number, left := strings.CutPrefix(w.File, keysDir+"/."+id+".")
		if !left || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		if err := dir.Remove(w.File); err != nil {
			return fmt.Errorf("kek: %w", err)
		}
	}
	return nil
}

// open opens the sealed directory to learn its authentic info, and keeps the keyset that did it.
func open(ctx context.Context, src fs.FS, s Source) (info seal.Info, h *keyset.Handle, err error) {
	f, err := seal.OpenFS(ctx, src, seal.KeySourceFunc(func(ctx context.Context, i seal.Info, wraps []seal.Wrapped) (*keyset.Handle, error) {
		h, err = s.Keyset(ctx, i, wraps)
		return h, err
	}))
	if err != nil {
		return seal.Info{}, nil, err
	}
	defer f.Close()
	return f.Info(), h, nil
}
