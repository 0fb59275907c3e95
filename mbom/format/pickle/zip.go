package pickle

import (
	"bytes"
	"io"
	"path"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/strictzip"
	"github.com/holdfast-ai/holdfast/internal/treefs"
)

// scanZip judges a zip as torch.load would meet it: every entry that is a pickle by name or by content counts, whichever
// directory it is in. Code of TorchScript makes it unknown at best. What cannot be read makes it incomplete, and so does an
// archive that readers list in different ways: torch, Python and Go look for the list in different places.
func scanZip(r io.ReaderAt, size int64) Report {
	rep := Report{Kind: None, Verdict: Incomplete}
	entries, err := strictzip.Entries(r, size)
	if err != nil || len(entries) > MaxZip {
		rep.Notes = append(rep.Notes, "zip directory cannot be read in one way")
		return rep
	}
	rep.Verdict = Clean
	budget, plain := int64(MaxInflated), sizes(entries)
	for _, e := range entries {
		one := scanEntry(e, &budget)
		one.checkStorages(e.Name, plain)
		if one.Kind != None {
			rep.Kind = Zip
		}
		rep.merge(e.Name, one)
	}
	if rep.Kind == None {
		rep.Verdict = min(rep.Verdict, Incomplete)
		rep.Notes = append(rep.Notes, "zip without a pickle")
	}
	return rep
}

// zipAtEnd reports whether the end record of a zip is where readers look for it: in the last 22 bytes and the longest comment.
func zipAtEnd(r io.ReaderAt, size int64) bool {
	tail := make([]byte, min(size, 22+1<<16-1))
	_, err := r.ReadAt(tail, size-int64(len(tail)))
	return err != nil && err != io.EOF || bytes.Contains(tail, []byte("PK\x05\x06"))
}

func (rep *Report) merge(name string, one Report) {
	rep.Verdict = min(rep.Verdict, one.Verdict)
	rep.Calls = rep.Calls || one.Calls
	rep.Imports = append(rep.Imports, one.Imports...)
	for _, n := range one.Notes {
		rep.Notes = append(rep.Notes, name+": "+n)
	}
}

func scanEntry(e strictzip.Entry, budget *int64) Report {
	incomplete := Report{Verdict: Incomplete, Notes: []string{"entry cannot be read whole"}}
	if strings.HasSuffix(e.Name, "/") && e.Plain == 0 {
		return Report{Verdict: Clean}
	}
	if treefs.CheckName(e.Name) != nil {
		return incomplete
	}
	rc, err := e.Open()
	if err != nil {
		return incomplete
	}
	defer rc.Close()
	ext := strings.ToLower(path.Ext(e.Name)) // torch's reader looks names up whatever their case
	byName := ext == ".pkl" || ext == ".pickle"
	limit := int64(MaxEntry)
	stored := !byName && e.Stored
	if stored { // tensor storage may be gigabytes, and a loader that unpickles it begins at its beginning
		limit = storedHead
	}
	limit = min(limit, *budget)
	data, err := io.ReadAll(io.LimitReader(rc, limit+1))
	*budget -= int64(len(data))
	whole := int64(len(data)) <= limit
	if err != nil || *budget <= 0 || !whole && !stored {
		return incomplete
	}
	if !whole && !byName && newWalker(io.MultiReader(bytes.NewReader(data), rc)).acts(func() bool { return false }) {
		return Report{Kind: Plain, Verdict: Incomplete, Notes: []string{"a pickle that is longer than what is read"}}
	}
	return judgeEntry(e.Name, data, whole, byName)
}

// archive reports whether an entry is itself a container, whose content nobody here has looked at: policies of agents are archives
// of weights within one, and object arrays of numpy pickles. The marks are long: tensors begin with any bytes.
func archive(data []byte) bool {
	for _, mark := range []string{"PK\x03\x04", "7z\xbc\xaf\x27\x1c", "\xfd7zXZ\x00", "Rar!\x1a\x07", "\x28\xb5\x2f\xfd", "\x93NUMPY", "\x89HDF\r\n\x1a\n", "GGUF"} {
		if bytes.HasPrefix(data, []byte(mark)) {
			return true
		}
	}
	gzip := len(data) >= 4 && bytes.HasPrefix(data, []byte("\x1f\x8b\x08")) && data[3] < 0x20
	bzip2 := len(data) >= 10 && bytes.HasPrefix(data, []byte("BZh")) && bytes.Equal(data[4:10], []byte("1AY&SY"))
	return gzip || bzip2 || len(data) >= 512 && bytes.Equal(data[257:262], []byte("ustar"))
}

// isProgram reports whether an entry is code by its name: the importer of torch.package runs Python out of an archive.
func isProgram(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".py", ".pyc", ".so", ".dll", ".dylib", ".pyd":
		return !strings.Contains("/"+strings.ToLower(name), "/code/") // TorchScript has names of Python, and is judged by itself
	}
	return false
}

// storedHead is how much of an entry without compression is looked at, in bytes.
const storedHead = 64 << 10

func judgeEntry(name string, data []byte, whole, byName bool) Report {
	rep := Report{Verdict: Clean}
	switch {
	case byName || Detect(data, whole):
		rep = scanStreams(bytes.NewReader(data), true)
		if !whole {
			rep.Verdict = min(rep.Verdict, Incomplete)
		}
		rep.Kind = Plain
	case archive(data):
		rep.Verdict = Incomplete
		rep.Notes = []string{"an archive or array within the archive"}
	case isProgram(name):
		rep.Verdict = Unknown
		rep.Notes = []string{"a program"}
	case strings.Contains("/"+strings.ToLower(name), "/code/") && !strings.HasSuffix(name, "/"):
		rep.Verdict = Unknown
		rep.Notes = []string{"TorchScript code"}
		for _, op := range []string{"from_file", "aten::save"} {
			if bytes.Contains(data, []byte(op)) {
				rep.Verdict = Dangerous
				rep.Notes = []string{"TorchScript code reaches files"}
			}
		}
	}
	return rep
}
