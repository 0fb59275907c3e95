package testkit

import "io/fs"

// Drip is a file system whose files give one byte for each read, and that has somebody lose their patience after a few.
type Drip struct {
	fs.FS
	Only   string // the one file that does so; empty for all
	Cancel func() // is called in the third read
	Reads  int    // so far
}

func (d *Drip) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	if err != nil || d.Only != "" && d.Only != name {
		return f, err
	}
	return dripFile{f, d}, nil
}

type dripFile struct {
	fs.File
	d *Drip
}

func (f dripFile) Read(b []byte) (int, error) {
	if f.d.Reads++; f.d.Reads == 3 {
		f.d.Cancel()
	}
	return f.File.Read(b[:min(len(b), 1)])
}
