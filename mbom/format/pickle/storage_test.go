package pickle_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
)

// A storage of torch has the elements that its entry has room for: loaders have believed the pickle, and read and written behind it.
func TestStorages(t *testing.T) {
	text := func(s string) string { return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s }
	id := func(class, key, elements string) string {
		return "(" + text("storage") + "c" + class + "\n" + text(key) + text("cpu") + elements + "tQ"
	}
	long := func(n int64) string { return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	for name, c := range map[string]struct {
		id   string
		want pickle.Verdict
	}{
		"as large as its entry":   {id("torch\nFloatStorage", "0", "K\x04"), pickle.Clean},
		"smaller":                 {id("torch\nFloatStorage", "0", "M\x03\x00"), pickle.Clean},
		"larger":                  {id("torch\nFloatStorage", "0", "K\x05"), pickle.Dangerous},
		"larger, by type":         {id("torch\nDoubleStorage", "0", "J\x04\x00\x00\x00"), pickle.Dangerous},
		"half precision":          {id("torch\nBFloat16Storage", "0", "J\x08\x00\x00\x00"), pickle.Clean},
		"bytes":                   {id("torch.storage\nUntypedStorage", "0", long(16)), pickle.Clean},
		"bytes, larger":           {id("torch.storage\nUntypedStorage", "0", long(17)), pickle.Dangerous},
		"size that overflows":     {id("torch\nFloatStorage", "0", long(1<<62)), pickle.Dangerous},
		"negative":                {id("torch\nFloatStorage", "0", long(-1)), pickle.Dangerous},
		"negative, short":         {id("torch\nFloatStorage", "0", "\x8a\x01\xff"), pickle.Dangerous},
		"other spelling of a key": {id("torch\nFloatStorage", "A", "K\x05"), pickle.Dangerous},
		"no entry":                {id("torch\nFloatStorage", "7", "K\x04"), pickle.Incomplete},
		"nothing in no entry":     {id("torch\nFloatStorage", "7", "K\x00"), pickle.Clean},
		"unknown class":           {id("torch\nNewStorage", "0", "K\x04"), pickle.Unknown},
		"computed size":           {id("torch\nFloatStorage", "0", "cbuiltins\nint\n"+text("99")+"\x85R"), pickle.Unknown},
		"through the memo":        {strings.TrimSuffix(id("torch\nFloatStorage", "0", "K\x05"), "Q") + "q\x000h\x00Q", pickle.Dangerous},
		"text":                    {"Pstorage\n", pickle.Unknown},
	} {
		data := zipOf(t, map[string]string{"m/data.pkl": "\x80\x02" + c.id + ".", "m/data/0": strings.Repeat("\x00", 16), "m/data/a": strings.Repeat("\x00", 16)})
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != c.want {
			t.Errorf("%s: %v %v, want %v", name, rep.Verdict, rep.Notes, c.want)
		}
	}
	crowd := strings.Repeat(id("torch\nFloatStorage", "0", "K\x04")+"0", 200_000)
	data := zipOf(t, map[string]string{"m/data.pkl": "\x80\x02" + crowd + "N.", "m/data/0": fmt.Sprintf("%16d", 0)})
	if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != pickle.Unknown {
		t.Errorf("more storages than are kept: %v %v", rep.Verdict, rep.Notes)
	}
}
