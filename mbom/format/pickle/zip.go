package pickle

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
)

// scanZip judges a zip as torch.load would meet it: every entry that is a pickle by name or by content counts, whichever
// directory it is in. Code of TorchScript makes it unknown at best. Entries that cannot be read make it incomplete.
func scanZip(r io.ReaderAt, size int64) Report {
	rep := Report{Kind: None, Verdict: Incomplete}
	z, err := zip.NewReader(r, size)
	if err != nil || len(z.File) > MaxZip {
		rep.Notes = append(rep.Notes, "zip directory cannot be read")
		return rep
	}
	rep.Verdict = Clean
	budget := int64(MaxInflated)
	for _, f := range z.File {
		one := scanEntry(f, &budget)
		if one.Kind != None {
			rep.Kind = Zip
		}
		rep.merge(f.Name, one)
	}
	if rep.Kind == None {
		rep.Verdict = min(rep.Verdict, Incomplete)
		rep.Notes = append(rep.Notes, "zip without a pickle")
	}
	return rep
}

func (rep *Report) merge(name string, one Report) {
	rep.Verdict = min(rep.Verdict, one.Verdict)
	rep.Calls = rep.Calls || one.Calls
	rep.Imports = append(rep.Imports, one.Imports...)
	for _, n := range one.Notes {
		rep.Notes = append(rep.Notes, name+": "+n)
	}
}

func scanEntry(f *zip.File, budget *int64) Report {
	incomplete := Report{Verdict: Incomplete, Notes: []string{"entry cannot be read whole"}}
	if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
		return Report{Verdict: Clean}
	}
	if f.Flags&0x1 != 0 || f.NonUTF8 {
		return incomplete
	}
	rc, err := f.Open()
	if err != nil {
		return incomplete
	}
	defer rc.Close()
	byName := strings.HasSuffix(f.Name, ".pkl") || strings.HasSuffix(f.Name, ".pickle")
	limit := int64(MaxEntry)
	stored := !byName && f.Method == zip.Store
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
	return judgeEntry(f.Name, data, whole, byName)
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
	case strings.Contains("/"+name, "/code/") && !strings.HasSuffix(name, "/"):
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
