package sign

import "io/fs"

// follow is a source in which a link stands for the file it leads to, as signers may say of theirs ("allow_symlinks", OMS
// v1.0 section 6.1.1). Where the source itself forbids it, as os.Root does, no link leads out of it; and what is read is
// verified as ever. It has no Lstat, so fs.Lstat looks at the target.
type follow struct{ src fs.FS }

var (
	_ fs.StatFS    = follow{}
	_ fs.ReadDirFS = follow{}
)

func (f follow) Open(name string) (fs.File, error)          { return f.src.Open(name) }
func (f follow) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(f.src, name) }
func (f follow) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.src, name) }
