//go:build unix

package seal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// ours refuses a directory that somebody else made, or that others may write: what lies in it would become part of what is
// sealed, and its wrapped keyset the one that is used. The name of such a directory can be guessed, and the place may be shared.
func ours(root *os.Root, name string, open fs.FileMode) error {
	fi, err := root.Stat(".")
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !ok || int(st.Uid) != os.Geteuid():
		return &fs.PathError{Op: "resume", Path: name, Err: errors.New("it belongs to another user")}
	case fi.Mode().Perm()&open != 0:
		return &fs.PathError{Op: "resume", Path: name, Err: errors.New("other users may write it")}
	}
	return nil
}
