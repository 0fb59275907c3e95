package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxSecret bounds the line that holds a password or passphrase, in bytes.
const maxSecret = 1024

// passwordVariables are the variables of the environment that a key's password is looked for in, in this order; the second is cosign's.
func passwordVariables() [2]string { return [2]string{"HOLDFAST_PASSWORD", "COSIGN_PASSWORD"} }

// passwordFlags say where the password of an encrypted private key comes from. The command line is the last place for one: all
// users of a machine can read it, and shells keep it.
type passwordFlags struct {
	file, insecure, hidden string

	flag string // that names the file
}

// add names the flags; prefix tells them apart from those of another key.
func (p *passwordFlags) add(cmd *cobra.Command, prefix string) {
	flags := cmd.Flags()
	p.flag = "--" + prefix + "password-file"
	flags.StringVar(&p.file, prefix+"password-file", "", "file whose first line is the password of the private key, - for standard input\n"+
		"(default: the variable HOLDFAST_PASSWORD or COSIGN_PASSWORD, or a question on a terminal)")
	flags.StringVar(&p.insecure, "insecure-"+prefix+"password", "", "password of the private key, which every user of the machine can then read")
	cmd.MarkFlagsMutuallyExclusive(prefix+"password-file", "insecure-"+prefix+"password")
}

// addHidden adds the name that model_signing has for the insecure flag.
func (p *passwordFlags) addHidden(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.hidden, "password", "", "")
	if err := cmd.Flags().MarkHidden("password"); err != nil {
		panic("holdfast: internal error: " + err.Error())
	}
	cmd.MarkFlagsMutuallyExclusive("password", "password-file", "insecure-password")
}

// given returns the password that the flags give, or nil where they give none.
func (p *passwordFlags) given(ctx context.Context, ui *ui) ([]byte, error) {
	switch {
	case p.file != "":
		return readSecret(ctx, ui, p.file, "password of the private key", false)
	case p.hidden != "": // not by pflag's own means, which would warn on standard output
		fmt.Fprintln(ui.err, "holdfast: every user of the machine can read --password: use --password-file or HOLDFAST_PASSWORD")
		return []byte(p.hidden), nil
	case p.insecure != "":
		return []byte(p.insecure), nil
	}
	return nil, nil
}

// ask looks for the password of a key that is encrypted where the flags say nothing. It returns nil where nobody can be asked.
func (p *passwordFlags) ask(ctx context.Context, ui *ui) ([]byte, error) {
	for _, name := range passwordVariables() {
		switch v, ok := os.LookupEnv(name); {
		case ok && v == "":
			return nil, fmt.Errorf("%w: the private key is encrypted, and %s is empty", errUsage, name)
		case ok:
			return []byte(v), nil
		}
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, nil
	}
	return prompt(ctx, ui, "password of the private key", false)
}

// newPassword returns the password that a new key is encrypted under, or nil where none is given. A variable that is set and empty
// is an error: whoever set it wanted a password.
func newPassword(ctx context.Context, ui *ui, file string, given bool) ([]byte, error) {
	if given {
		return readSecret(ctx, ui, file, "password of the new private key", true)
	}
	for _, name := range passwordVariables() {
		switch v, ok := os.LookupEnv(name); {
		case ok && v == "":
			return nil, fmt.Errorf("%w: %s is empty: unset it for a key that is not encrypted", errUsage, name)
		case ok:
			return []byte(v), nil
		}
	}
	return nil, nil
}

// readSecret returns the first line of a file, which may be a pipe, or of standard input for "-". A terminal is asked without
// an echo, and twice for what is chosen now. No error has the text.
func readSecret(ctx context.Context, ui *ui, name, what string, chosen bool) ([]byte, error) {
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
		defer f.Close()
	} else if term.IsTerminal(int(f.Fd())) {
		return prompt(ctx, ui, what, chosen)
	}
	line, err := firstLine(f)
	if err == nil && len(line) == 0 {
		err = errors.New("no text in the first line")
	}
	if err != nil {
		clear(line)
		return nil, fmt.Errorf("%w: the %s in %s: %w", errUsage, what, name, err)
	}
	return line, nil
}

// firstLine reads byte by byte, so that what follows the line is left to the next reader of a standard input.
func firstLine(r io.Reader) ([]byte, error) {
	line, one := make([]byte, 0, maxSecret+2), make([]byte, 1)
	for {
		n, err := r.Read(one)
		if n == 1 && one[0] != '\n' {
			if line = append(line, one[0]); len(line) > maxSecret+1 { // one more than the longest with a carriage return
				return line, fmt.Errorf("longer than %d bytes", maxSecret)
			}
		}
		switch {
		case n == 1 && one[0] == '\n', errors.Is(err, io.EOF):
			if line = bytes.TrimRight(line, "\r"); len(line) > maxSecret {
				return line, fmt.Errorf("longer than %d bytes", maxSecret)
			}
			return line, nil
		case err != nil:
			return line, err
		}
	}
}

// prompt asks on the terminal that is standard input, twice where a typing error would lock what is sealed now.
func prompt(ctx context.Context, ui *ui, what string, twice bool) ([]byte, error) {
	line, err := ask(ctx, ui, what)
	if err != nil || !twice {
		return line, err
	}
	again, err := ask(ctx, ui, what+" again")
	defer clear(again)
	if err == nil && !bytes.Equal(line, again) {
		err = fmt.Errorf("%w: the two differ", errUsage)
	}
	if err != nil {
		clear(line)
		return nil, err
	}
	return line, nil
}

// ask asks once. Where the command is stopped, the terminal echoes again.
func ask(ctx context.Context, ui *ui, what string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(ui.err, "%s: ", what)
	defer fmt.Fprintln(ui.err)
	type answer struct {
		line []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		got <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(fd, state))
	case a := <-got:
		if a.err == nil && len(a.line) == 0 {
			a.err = fmt.Errorf("%w: no %s", errUsage, what)
		}
		return a.line, a.err
	}
}
