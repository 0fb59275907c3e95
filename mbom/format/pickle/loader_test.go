package pickle_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
)

const command = "cos\nsystem\n(S'id'\ntR."

// CPython reads numbers more freely than its own writer spells them. A walk that stops at one of them would call the rest
// prose, and the file text.
func TestNumbersAsLoadersReadThem(t *testing.T) {
	for _, number := range []string{
		"I0x10\n", "I1_0\n", "I 1\n", "I+1\n", "I0o17\n", "I0b1\n", "I1 \n", "I\t3\n", "I01\n", "I1\x00junk\n",
		"L0x10L\n", "L1_0\n", "L 1L\n", "F 1.5 \n", "F1_0.5\n", "FInfinity\n", "F-NAN\n", "F.5\n",
		"Np 1\n", "Np+1\n", "Np1_0\n", "Np0\n0g+0\n", "S'x' \n", "S'x'\t\n",
	} {
		if data := number + "0" + command; !pickle.Detect([]byte(data), true) {
			t.Errorf("%q is no pickle", data)
		}
	}
}

// Names that are no identifiers can be modules all the same: the walk goes on behind them.
func TestOddNames(t *testing.T) {
	for _, first := range []string{"cmy-module\nf\n0", "c../x\nf\n0", "cx y\nz\n0", "c1\n2\n0", "c\n\n0", "(ix y\nz\n0"} {
		if data := first + command; !pickle.Detect([]byte(data), true) {
			t.Errorf("%q is no pickle", data)
		}
		if rep := pickle.Scan(strings.NewReader(first+"."), int64(len(first)+1)); rep.Verdict == pickle.Clean {
			t.Errorf("%q is clean", first)
		}
	}
	// The unpickler that is written in Python imports before it looks for the mark.
	if !pickle.Detect([]byte("iposix\nsystem\n"), true) {
		t.Error("INST without a mark is no pickle")
	}
}

// A limit of ours is no proof that a text is prose.
func TestLimitIsNotProse(t *testing.T) {
	data := strings.Repeat("N", pickle.MaxStack+2) + command
	if !pickle.Detect([]byte(data), true) {
		t.Error("a pickle behind many values is taken for text")
	}
	if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict == pickle.Clean {
		t.Error("clean")
	}
}

// CPython takes an octal escape modulo 256, and other loaders other spellings: a name that cannot be read here is a name all the
// same. All of these are UTF-8 without control characters, and run a command.
func TestUnreadableNamesAreNoProse(t *testing.T) {
	const call = "S'id'\nq\xc2\x85R."
	for _, names := range []string{"S'builtins'\nS'\\545xec'\n", "S'\\557s'\nS'sy\\563tem'\n", "V\\u006fs\nV\\u0073ystem\\x\n"} {
		data := names + "q\xc2\x93" + call
		if !pickle.Detect([]byte(data), true) {
			t.Errorf("%q is no pickle", data)
		}
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != pickle.Dangerous {
			t.Errorf("%q: %v", data, rep.Verdict)
		}
	}
}

// Files that break off run what they have run: loaders take off the last byte of the last line, a newline or not, C takes nothing
// before a NUL for 0, and a frame may end behind the file.
func TestEndsAsLoadersReadThem(t *testing.T) {
	for _, data := range []string{
		"(S'id'\nios\nsystemX", "(S'id'\nios\nsystem0", "I\x00_0\n0" + command, "Nq\xc2\x95@@@@@@@@0" + command, "Nq\xc2\x95AAAAAAAA0" + command,
	} {
		if !pickle.Detect([]byte(data), true) {
			t.Errorf("%q is no pickle", data)
		}
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != pickle.Dangerous {
			t.Errorf("%q: %v", data, rep.Verdict)
		}
	}
	for _, prose := range []string{"(see\nios\nsystem", "i agree\n", "in\nout", "(iron\n"} {
		if pickle.Detect([]byte(prose), true) {
			t.Errorf("%q is a pickle", prose)
		}
	}
}

func frame(n int, body string) string {
	return "\x95" + string(binary.LittleEndian.AppendUint64(nil, uint64(n))) + body
}

// CPython's C unpickler drops what is left of a frame when a read goes past the frame's end, and what follows STOP in a
// frame: two readers then see two pickles. Each of these imports OrderedDict to one and os.system to the other.
func TestFramesThatLoadersReadDifferently(t *testing.T) {
	names := "\x8c\x0bcollections\x940\x8c\x0bOrderedDict\x940" // memo 0 and 1
	os := "\x8c\x02os"
	system := "\x8c\x06system"
	good := frame(len(names)+len("h\x00h\x01\x93)R."), names+"h\x00h\x01\x93)R.")
	if rep := pickle.Scan(strings.NewReader("\x80\x04"+good), int64(len(good)+2)); rep.Verdict != pickle.Clean {
		t.Fatalf("twin: %v %v", rep.Verdict, rep.Notes)
	}
	for name, data := range map[string]string{
		// p10 to whoever ignores frames, p0 to CPython
		"a number cut by the end of a frame": frame(len(names+os+"p1"), names+os+"p10\n0") + frame(len(system+"p1"), system+"p11\n0h\x00h\x01\x93)R."),
		"a length cut by the end of a frame": frame(len(names)+3, names+"X\x00\x00\x00\x00\x00\x00h\x00h\x01\x93)R."),
		"a frame inside a frame":             frame(len(names)+40, names+frame(4, "h\x00h\x01\x93)R.")),
		"STOP inside a frame":                frame(len(names)+12, names+"h\x00h\x01\x93)R.N0N0N."),
	} {
		data = "\x80\x04" + data
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != pickle.Dangerous {
			t.Errorf("%s: %v %v", name, rep.Verdict, rep.Notes)
		}
		if !pickle.Detect([]byte("N"+data[2:]), true) { // without the mark of a protocol
			t.Errorf("%s: no pickle", name)
		}
	}
}

// An allowed class is there to be called. BUILD on the class itself sets attributes of it, for the whole process.
func TestImportedNamesAreNotChanged(t *testing.T) {
	const counter = "ccollections\nCounter\n"
	for data, want := range map[string]pickle.Verdict{
		"\x80\x02" + counter + ")R}b.":                                          pickle.Clean,
		"\x80\x02" + counter + ")\x81}b.":                                       pickle.Clean,
		"\x80\x02" + counter + "(N}U\x06updatecbuiltins\nlist\nstb.":            pickle.Dangerous,
		"\x80\x02" + counter + "q\x000h\x00}b.":                                 pickle.Dangerous, // through the memo
		"\x80\x02" + counter + "2}b.":                                           pickle.Dangerous, // a copy of the reference
		"\x80\x04\x8c\x0bcollections\x8c\x07Counter\x93}b.":                     pickle.Dangerous,
		"\x80\x02" + counter + "(K\x01K\x02u.":                                  pickle.Dangerous, // SETITEMS
		"\x80\x02" + counter + "(K\x01e.":                                       pickle.Dangerous, // APPENDS
		"\x80\x02" + counter + "K\x01a.":                                        pickle.Dangerous, // APPEND
		"\x80\x02" + counter + "K\x01K\x02s.":                                   pickle.Dangerous, // SETITEM
		"\x80\x04" + counter + "(K\x01\x90.":                                    pickle.Dangerous, // ADDITEMS
		"\x80\x02" + counter + ")R(K\x01K\x02u.":                                pickle.Clean,     // items of what a class builds
		"\x80\x02cmodule\nDict\n)RK\x01K\x02s.":                                 pickle.Unknown,
		"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)RK\x01K\x02s.":             pickle.Dangerous, // and no tensor has any
		"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)Rq\x000h\x00(K\x01K\x02u.": pickle.Dangerous,
		"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}U\x01aK\x01sb.":            pickle.Dangerous,
		"\x80\x02(ctorch._utils\n_rebuild_tensor_v2\nNo(K\x01K\x02u.":           pickle.Dangerous, // OBJ calls too
		"\x80\x02(ccollections\nOrderedDict\no(K\x01K\x02u.":                    pickle.Clean,
	} {
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != want {
			t.Errorf("%q: %v %v, want %v", data, rep.Verdict, rep.Notes, want)
		}
	}
}

// A text of a harmless pickle may hold an archive, whose end record has the rest of the pickle for its comment: readers of zips open it.
func TestZipInText(t *testing.T) {
	end := "PK\x05\x06" + strings.Repeat("\x00", 16) + "\x01\x00"
	for text, want := range map[string]pickle.Verdict{end: pickle.Incomplete, strings.ToLower(end): pickle.Clean} {
		data := "\x80\x03C" + string(rune(len(text))) + text + "."
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Kind != pickle.Plain || rep.Verdict != want {
			t.Errorf("%v %v %v, want %v", rep.Kind, rep.Verdict, rep.Notes, want)
		}
	}
}

// The older layout of torch ends in raw storage, in which an archive may lie: torch.jit.load and others begin at the end.
func TestLegacyWithZip(t *testing.T) {
	legacy := "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02}.\x80\x02]." + strings.Repeat("\x00", 1000)
	for data, want := range map[string]pickle.Verdict{legacy: pickle.Clean, legacy + "PK\x05\x06" + strings.Repeat("\x00", 18): pickle.Incomplete} {
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Kind != pickle.Legacy || rep.Verdict != want {
			t.Errorf("%v %v %v, want %v", rep.Kind, rep.Verdict, rep.Notes, want)
		}
	}
}
