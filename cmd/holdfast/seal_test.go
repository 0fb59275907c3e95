package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// interrupted KEK OUT MODEL leaves what "seal --resume" leaves when it is stopped: all files of the model but README.md.
func cmdInterrupted(ts *testscript.TestScript, _ bool, args []string) {
	k, err := kek.ReadKeyFile("default", ts.MkAbs(args[0]))
	ts.Check(err)
	h, err := kek.NewKeyset()
	ts.Check(err)
	_, err = seal.Dir(context.Background(), ts.MkAbs(args[1]), unreadable{os.DirFS(ts.MkAbs(args[2])), "README.md"}, h, seal.Options{
		Name: "tiny", Version: 7, Resume: true, Workers: 1, Wraps: []seal.Wrapper{k},
	})
	if !errors.Is(err, fs.ErrPermission) {
		ts.Fatalf("not interrupted: %v", err)
	}
}

// unreadable refuses to open one file.
type unreadable struct {
	fs.FS
	name string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, fs.ErrPermission
	}
	return u.FS.Open(name)
}

func (u unreadable) Stat(name string) (fs.FileInfo, error) { return fs.Stat(u.FS, name) }
