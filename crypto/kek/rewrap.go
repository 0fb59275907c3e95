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
// wrapping is bound to are authentic, also where from reads an unbound keyset. What will be written is unwrapped before, and
// read back and unwrapped after, before Rewrap returns nil.
//
// With keepOld the old wrapping stays beside the new one, which needs an id of its own; without it is removed at the end, once
// the new one is durable, and so is what killed processes left of it. Where both have the same id the file is replaced in one
// step. At whatever point the process is killed, the directory opens with one of the two or with both, and running it again
// finishes the work. The wrapping of a third key is never replaced.
//
// Re-wrapping takes nothing away from those who have opened the model; that takes sealing again under a new keyset.
// Errors: [ErrParameters] for an id that is another key's, those of [seal.OpenFS], [KEK.Unwrap] and [KEK.Wrap], and those of
// the file system.
func Rewrap(ctx context.Context, dir *os.Root, from Source, to *KEK, keepOld bool) error {
	return rewrap(ctx, dir, from, to, keepOld, func(string) error { return nil })
}

// rewrap is Rewrap with a hook before each step that changes the directory: a test stops it there.
func rewrap(ctx context.Context, dir *os.Root, from Source, to *KEK, keepOld bool, before func(step string) error) error {
	if from.KEK == nil || to == nil {
		return fmt.Errorf("%w: re-wrapping needs two keys", ErrParameters)
	}
	d, err := open(ctx, dir.FS(), from)
	if errors.Is(err, ErrNoWrap) && !keepOld { // an earlier run may have been stopped at the very end
		if _, again := open(ctx, dir.FS(), Source{KEK: to}); again == nil {
			return sweep(dir, from.KEK.id)
		}
	}
	if err != nil {
		return err
	}
	w, err := to.Wrap(ctx, d.keyset, d.info)
	if err != nil {
		return err
	}
	if err := d.mayReplace(ctx, w, from.KEK, to, keepOld); err != nil {
		return err
	}
	if err := before("write"); err != nil {
		return err
	}
	if err := seal.WriteWrapped(dir, w); err != nil {
		return err
	}
	if _, err := open(ctx, dir.FS(), Source{KEK: to}); err != nil {
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
	return syncKeys(dir)
}

// opened is a sealed directory that was opened, so that info is authentic.
type opened struct {
	info   seal.Info
	keyset *keyset.Handle
	wraps  []seal.Wrapped
}

// open opens the sealed directory and keeps the keyset that did it.
func open(ctx context.Context, src fs.FS, s Source) (d opened, err error) {
	f, err := seal.OpenFS(ctx, src, seal.KeySourceFunc(func(ctx context.Context, i seal.Info, wraps []seal.Wrapped) (*keyset.Handle, error) {
		d.wraps = wraps
		d.keyset, err = s.Keyset(ctx, i, wraps)
		return d.keyset, err
	}))
	if err != nil {
		return opened{}, err
	}
	defer f.Close()
	d.info = f.Info()
	return d, nil
}

// mayReplace refuses to write w, wrapped for the key to, where that would lock somebody out: because to does not open it, or
// because the file with its id is for another key than the one that is to go.
func (d opened) mayReplace(ctx context.Context, w seal.Wrapped, from, to *KEK, keepOld bool) error {
	if _, err := to.Unwrap(ctx, w, d.info); err != nil {
		return fmt.Errorf("kek: the new wrapping does not open, nothing is written: %w", err)
	}
	opens := func(k *KEK, w seal.Wrapped) error {
		_, err := k.Unwrap(ctx, w, d.info)
		if err == nil || errors.Is(err, ErrUnavailable) {
			return err
		}
		return fmt.Errorf("%w: the id %s is that of another key's wrapping, which would be lost", ErrParameters, w.ID)
	}
	if to.id == from.id {
		if keepOld {
			return opens(from, w)
		}
		return nil
	}
	for _, there := range d.wraps {
		if there.ID == to.id {
			return opens(to, there)
		}
	}
	return nil
}
