package pickle

import (
	"encoding/binary"
	"math"
	"path"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/strictzip"
)

// A storage is what a persistent id of torch names: ('storage', class, key, location, elements). The bytes are the entry data/key of
// the zip, and loaders have believed the number of elements instead of that entry's size (CVE-2026-24747).
type storage struct {
	class, key string
	elements   int64
}

// maxStorages bounds those that are kept of a pickle; mixture-of-experts models have some 100,000 tensors.
const maxStorages = 150_000

// storageOf recognises the tuple of a storage.
func storageOf(items []value) value {
	if len(items) != 5 || items[0] != (value{kind: str, text: "storage"}) || items[1].kind != imported || items[2].kind != str || items[4].kind != integer {
		return value{}
	}
	return value{kind: storageID, text: items[1].text + " " + items[2].text, number: items[4].number}
}

// persistentID notes the storage that v names, or that it is something else.
func (w *walker) persistentID(v value) {
	w.persistent = true
	class, key, ok := strings.Cut(v.text, " ")
	if v.kind != storageID || !ok || len(w.storages) == maxStorages {
		w.oddID = true
		return
	}
	w.storages = append(w.storages, storage{class, key, v.number})
}

// width is the size in bytes of an element of a storage's class, 0 if unknown.
func width(class string) int64 {
	switch class {
	case "torch.DoubleStorage", "torch.LongStorage", "torch.ComplexFloatStorage":
		return 8
	case "torch.ComplexDoubleStorage":
		return 16
	case "torch.FloatStorage", "torch.IntStorage", "torch.QInt32Storage":
		return 4
	case "torch.HalfStorage", "torch.BFloat16Storage", "torch.ShortStorage":
		return 2
	case "torch.CharStorage", "torch.ByteStorage", "torch.BoolStorage", "torch.QInt8Storage", "torch.QUInt8Storage", "torch.QUInt4x2Storage", "torch.QUInt2x4Storage",
		"torch.storage.UntypedStorage", "torch.UntypedStorage":
		return 1
	}
	return 0
}

// sizes are those of a zip's entries by name in lower case, as torch looks names up; of several, the least.
func sizes(entries []strictzip.Entry) map[string]int64 {
	out := map[string]int64{}
	for _, e := range entries {
		name := strings.ToLower(e.Name)
		if size, dup := out[name]; !dup || int64(e.Plain) < size {
			out[name] = int64(e.Plain) // below 2^62
		}
	}
	return out
}

// checkStorages holds the storages of the pickle name against the entries that they lie in.
func (rep *Report) checkStorages(name string, sizes map[string]int64) {
	worse := func(v Verdict, note string) {
		rep.Verdict = min(rep.Verdict, v)
		rep.Notes = append(rep.Notes, note)
	}
	if rep.oddID {
		worse(Unknown, "a persistent id that names no storage")
	}
	for _, s := range rep.storages {
		size, there := sizes[strings.ToLower(path.Join(path.Dir(name), "data", s.key))]
		w := width(s.class)
		switch {
		case w == 0:
			worse(Unknown, "a storage of "+s.class)
		case s.elements < 0 || s.elements > math.MaxInt64/w, there && s.elements*w > size:
			worse(Dangerous, "a storage that is larger than its entry")
		case !there && s.elements > 0:
			worse(Incomplete, "a storage whose entry is missing")
		default:
			continue
		}
		return // one is enough
	}
}

// signed is the number that n bytes of a LONG1 hold, where they are few enough.
func signed(s string) (int64, bool) {
	if len(s) > 8 {
		return 0, false
	}
	if s == "" {
		return 0, true
	}
	var b [8]byte
	if s[len(s)-1] >= 0x80 {
		for i := range b {
			b[i] = 0xff
		}
	}
	copy(b[:], s)
	return int64(binary.LittleEndian.Uint64(b[:])), true
}
