package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// effortFlags say how much of the machine a command takes.
type effortFlags struct{ workers, duty int }

func (e *effortFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&e.workers, "workers", 0, "cores to use (default all)")
	cmd.Flags().IntVar(&e.duty, "duty", 100, "percent of the time that each core works, for a machine that serves")
}

// check refuses what would be taken for the default, or for the most that there is.
func (e *effortFlags) check() error {
	if e.workers < 0 || e.duty < 1 || e.duty > 100 {
		return fmt.Errorf("%w: --workers is not below 0, and --duty from 1 to 100", errUsage)
	}
	return nil
}

func (e *effortFlags) reading() []seal.Option {
	o := []seal.Option{seal.WithDuty(e.duty)}
	if e.workers > 0 {
		o = append(o, seal.WithWorkers(e.workers))
	}
	return o
}

// sealFlags say how a directory is sealed.
type sealFlags struct {
	effortFlags
	segment               byteSize
	hide, resume, replace bool
}

func (s *sealFlags) add(cmd *cobra.Command) {
	s.effortFlags.add(cmd)
	s.segment = seal.DefaultSegment
	cmd.Flags().Var(&s.segment, "segment", "size of segments: 64KiB for small random reads")
	cmd.Flags().BoolVar(&s.hide, "hide-names", false, "seal the list of files too; the number of files and their sizes still show")
	cmd.Flags().BoolVar(&s.resume, "resume", false, "keep what is done when the command is stopped, and go on from there the next time")
	cmd.Flags().BoolVar(&s.replace, "replace", false, "take the place of the sealed directory --out, in one step at the end")
}

// check refuses segments that no reader takes as well.
func (s *sealFlags) check() error {
	if s.segment > seal.MaxSegment {
		return fmt.Errorf("%w: --segment %v is above %v", errUsage, &s.segment, new(byteSize(seal.MaxSegment)))
	}
	return s.effortFlags.check()
}

func (s *sealFlags) options() seal.Options {
	return seal.Options{HideNames: s.hide, Resume: s.resume, Replace: s.replace, Workers: s.workers, Duty: s.duty}
}

// keyset makes a new keyset, or finds that of the command that is resumed.
func (s *sealFlags) keyset(ctx context.Context, out string, o seal.Options, k *kek.KEK) (*keyset.Handle, error) {
	if !s.resume {
		return seal.NewKeyset(int(s.segment))
	}
	c, err := seal.Interrupted(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return seal.NewKeyset(int(s.segment))
	case err != nil:
		return nil, err
	}
	partial := filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".partial") // as Interrupted reads it
	if c.Name != o.Name || c.Version != o.Version || c.Segment != int64(s.segment) {
		return nil, fmt.Errorf("%w: what would be resumed is %s version %d with segments of %d bytes: remove %s to begin anew",
			errUsage, c.Name, c.Version, c.Segment, partial)
	}
	h, err := kek.Source{KEK: k}.Keyset(ctx, c.Info, c.Wraps)
	if err != nil {
		return nil, fmt.Errorf("resume: %w: give the key that it was begun with, or remove %s to begin anew", err, partial)
	}
	return h, nil
}

// already says what to do about a place that is taken.
func already(err error, replace bool) error {
	if errors.Is(err, fs.ErrExist) && !replace {
		return fmt.Errorf("%w (--replace takes the place of a sealed directory)", err)
	}
	return err
}

// byteSize is a flag in bytes, with KiB or MiB behind the number.
type byteSize int64

func (b *byteSize) String() string {
	switch n := int64(*b); {
	case n > 0 && n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n > 0 && n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	default:
		return strconv.FormatInt(n, 10)
	}
}

func (b *byteSize) Set(s string) error {
	shift := 0
	if digits, ok := strings.CutSuffix(s, "KiB"); ok {
		s, shift = digits, 10
	} else if digits, ok := strings.CutSuffix(s, "MiB"); ok {
		s, shift = digits, 20
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n <= 0 || n > 1<<30>>shift {
		return errors.New("want a number of bytes up to 1 GiB, such as 65536, 64KiB or 1MiB")
	}
	*b = byteSize(n << shift)
	return nil
}

func (b *byteSize) Type() string { return "size" }
