package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A lab is a copy of the tree in which mutants are tried one after the other.
type lab struct {
	dir   string
	env   []string
	out   io.Writer
	clean map[string]error // test command -> its result without a fault
}

var errBuild = errors.New("red, but not by the test: the fault does not compile or the output lacks the expected text")

// try reports whether m's test is green without the fault and red with it, and says so.
func (l *lab) try(ctx context.Context, m mutant) bool {
	start := time.Now()
	err := l.judge(ctx, m)
	verdict := "caught"
	if err != nil {
		verdict = "NOT CAUGHT"
	}
	fmt.Fprintf(l.out, "%-10s %s: %s: %s (%.0f s)\n", verdict, m.name, m.stage, strings.Join(m.test, " "), time.Since(start).Seconds())
	if err != nil {
		fmt.Fprintln(l.out, err)
	}
	return err == nil
}

func (l *lab) judge(ctx context.Context, m mutant) error {
	key := strings.Join(m.test, " ")
	if _, done := l.clean[key]; !done {
		out, err := l.command(ctx, nil, m.test...)
		if err != nil {
			err = fmt.Errorf("red without any fault: %w\n%s", err, out)
		}
		l.clean[key] = err
	}
	if err := l.clean[key]; err != nil {
		return err
	}
	if out, err := l.command(ctx, m.patch, "git", "apply", "-"); err != nil {
		return fmt.Errorf("does not apply: %w\n%s", err, out)
	}
	out, red := l.command(ctx, nil, m.test...)
	if back, err := l.command(ctx, m.patch, "git", "apply", "-R", "-"); err != nil {
		return fmt.Errorf("cannot be taken back: %w\n%s", err, back)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case red == nil:
		return errors.New("the test stays green")
	case !bytes.Contains(out, []byte(m.red)):
		return fmt.Errorf("%w %q\n%s", errBuild, m.red, out)
	}
	return nil
}

func (l *lab) command(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = l.dir, l.env, bytes.NewReader(stdin)
	return cmd.CombinedOutput()
}

// labEnv points tests at the test material beside the original tree, and git away from any repository above the copy.
func labEnv(root string) []string {
	env := append(os.Environ(), "GIT_CEILING_DIRECTORIES="+os.TempDir(), "GIT_DIR=/nonexistent")
	for name, def := range map[string]string{"HOLDFAST_VECTORS": "vectors", "HOLDFAST_DATA": "data"} {
		dir := os.Getenv(name)
		if dir == "" {
			dir = filepath.Join(root, "..", "shared", def)
		}
		if abs, err := filepath.Abs(dir); err == nil {
			env = append(env, name+"="+abs)
		}
	}
	return env
}

// copyTree copies the files that git knows or would know from src to dst.
func copyTree(ctx context.Context, src, dst string) error {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z", "-co", "--exclude-standard")
	cmd.Dir = src
	list, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(src, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted and not yet committed
		}
		if err != nil {
			return err
		}
		to := filepath.Join(dst, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
