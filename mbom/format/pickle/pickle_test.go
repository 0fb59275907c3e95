package pickle_test

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
)

type label struct {
	Path, Verdict   string
	Accept, Imports []string
	Calls           []string
}

// verdicts are the labels' words; "embedded" files import nothing themselves, which Clean says too.
func testVectors(t *testing.T, folder string, want int) {
	dir, all := testkit.Labelled[label](t, "formats", folder)
	if len(all) != want {
		t.Errorf("%d labelled files, want %d", len(all), want)
	}
	for _, l := range all {
		t.Run(l.Path, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, l.Path))
			if err != nil {
				t.Fatal(err)
			}
			rep := pickle.Scan(bytes.NewReader(data), int64(len(data)))
			if got := rep.Verdict.String(); got != l.Verdict && !slices.Contains(l.Accept, got) {
				t.Errorf("%s (%v), want %s or %v; imports %v", got, rep.Notes, l.Verdict, l.Accept, rep.Imports)
			}
			for _, name := range l.Imports {
				if !strings.Contains(name, "?") && !slices.ContainsFunc(rep.Imports, func(i pickle.Import) bool { return i.String() == name }) {
					t.Errorf("import %s is missing from %v", name, rep.Imports)
				}
			}
			if len(l.Calls) > 0 && !rep.Calls {
				t.Error("calls are not reported")
			}
			if len(l.Imports) > 0 && rep.Kind == pickle.Plain && !pickle.Detect(data, true) {
				t.Error("not detected by content")
			}
		})
	}
}

func TestVectors(t *testing.T)      { testVectors(t, "pickle", 94) }
func TestTorchVectors(t *testing.T) { testVectors(t, "torch", 19) }

// An archive is clean only where the labels say so: not where its two lists or its two ends disagree, where entries share bytes
// or have names that leave the directory, or where it cannot be read whole.
func TestZipVectors(t *testing.T) {
	dir, all := testkit.Labelled[label](t, "formats", "zip")
	if len(all) != 39 {
		t.Errorf("%d labelled files, want 39", len(all))
	}
	dangerous := 0
	for _, l := range all {
		data, err := os.ReadFile(filepath.Join(dir, l.Path))
		if err != nil {
			t.Fatal(err)
		}
		rep := pickle.Scan(bytes.NewReader(data), int64(len(data)))
		if rep.Verdict == pickle.Clean && l.Verdict != "clean" && !slices.Contains(l.Accept, "clean") {
			t.Errorf("%s is clean, want %s", l.Path, l.Verdict)
		}
		if rep.Verdict == pickle.Dangerous && l.Verdict == "dangerous" {
			dangerous++
		}
	}
	if dangerous < 4 {
		t.Errorf("%d are dangerous", dangerous)
	}
}

// torch's reader looks for data.pkl in any case, and the end of a longer name's entry counts as much as its beginning.
func TestZipNameInAnyCase(t *testing.T) {
	long := "(S'" + strings.Repeat("x", 100_000) + "'\n" + "cos\nsystem\n(S'id'\ntR."
	data := zipOf(t, map[string]string{"m/data/0": "zeros", "m/DATA.PKL": long})
	if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != pickle.Dangerous {
		t.Errorf("%v %v", rep.Verdict, rep.Notes)
	}
}

// Beside a clean data.pkl nothing hides: no archive or array in the archive, no program, and no pickle that begins with more text
// than is kept of an entry without compression.
func TestZipHidesNothing(t *testing.T) {
	nested := zipOf(t, map[string]string{"policy/data.pkl": "cos\nsystem\n(S'id'\ntR."})
	tensor := strings.Repeat("\x00\x3c", 100_000)
	for name, c := range map[string]struct {
		entry, data string
		want        pickle.Verdict
	}{
		"tensor":                 {"m/data/1", tensor, pickle.Clean},
		"tensor like a string":   {"m/data/1", "X\xff\xff\xff\x00" + tensor, pickle.Clean},
		"archive":                {"m/policy.pth", nested, pickle.Incomplete},
		"array of objects":       {"m/extra.npy", "\x93NUMPY\x01\x00" + tensor, pickle.Incomplete},
		"gzip":                   {"m/extra", "\x1f\x8b\x08\x00" + tensor, pickle.Incomplete},
		"tar":                    {"m/extra", strings.Repeat("\x00", 257) + "ustar" + tensor, pickle.Incomplete},
		"source of Python":       {"m/pkg/__init__.py", "import os", pickle.Unknown},
		"pickle behind a string": {"m/extra", "S'" + strings.Repeat("x", 100_000) + "'\n0cos\nsystem\n(S'id'\ntR.", pickle.Incomplete},
	} {
		data := zipOf(t, map[string]string{"m/data.pkl": "\x80\x02}q\x00.", "m/data/0": "zeros", c.entry: c.data})
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != c.want {
			t.Errorf("%s: %v %v, want %v", name, rep.Verdict, rep.Notes, c.want)
		}
	}
}

// zipOf makes a zip without compression.
func zipOf(t *testing.T, entries map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range entries {
		f, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(text)),
			CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Small pickles made here: only what is read whole and imports allowed names is clean.
func TestVerdicts(t *testing.T) {
	for data, want := range map[string]pickle.Verdict{
		"\x80\x02}q\x00.":                                           pickle.Clean,
		"\x80\x02ccollections\nOrderedDict\n)R.":                    pickle.Clean,
		"cos\nsystem\n(S'id'\ntR.":                                  pickle.Dangerous,
		"\x80\x04\x8c\x02os\x8c\x06system\x93)R.":                   pickle.Dangerous,
		"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93)R.": pickle.Dangerous, // through the memo
		"\x80\x02c__builtin__\nxrange\nK\x01\x85R.":                 pickle.Clean,     // what protocols 0 to 2 write for range
		"\x80\x02c__builtin__\nfile\nK\x01\x85R.":                   pickle.Dangerous,
		"\x80\x05cnumpy._core.numeric\n_frombuffer\n)R.":            pickle.Clean, // an array of numpy in protocol 5
		"\x80\x02ctorch\ndevice\nU\x03cpu\x85R.":                    pickle.Clean,
		"\x80\x02ctorch\nfloat8_e4m3fn\n.":                          pickle.Clean,
		"\x80\x02cacme\nWidget\n)R.":                                pickle.Unknown,
		"\x80\x02K\x01K\x02\x93.":                                   pickle.Dangerous, // names that cannot be resolved
		"\x80\x02\x82\x01.":                                         pickle.Unknown,
		"\x80\x02]q\x00":                                            pickle.Incomplete,
		"\x80\x02N.cos\nsystem\n)R.":                                pickle.Dangerous, // a second stream
		"\x80\x02N.\x00\x00":                                        pickle.Incomplete,
		"":                                                          pickle.Incomplete,
		"PK\x03\x04":                                                pickle.Incomplete,
	} {
		if rep := pickle.Scan(strings.NewReader(data), int64(len(data))); rep.Verdict != want {
			t.Errorf("%q: %s %v, want %s", data, rep.Verdict, rep.Notes, want)
		}
	}
}

func TestZeroVerdictIsNotClean(t *testing.T) {
	var r pickle.Report
	if r.Verdict == pickle.Clean {
		t.Error("the zero report is clean")
	}
}

// Text that is no pickle stays text.
func TestDetectProse(t *testing.T) {
	for _, s := range []string{
		"", "N.", "N. B. this is prose.\n", "config\nfor\nmodels.\n", "cos\nand sin\n", "{}", "[1, 2]", "I am text.\n", "(see below).\n", "Vim.\n.\n",
		"---\nlicense: mit\n---\n# Model\n", "class Foo:\n    pass\n", "{{ messages }}", "conda\nenv\nbase\n",
	} {
		if pickle.Detect([]byte(s), true) {
			t.Errorf("%q is taken for a pickle", s)
		}
	}
	for _, s := range []string{"cos\nsystem\n(S'id'\ntR.", "(S'id'\nios\nsystem\n.", "\x80\x04\x95", "(lp0\nI1\na.", "cos\nsystem\n(S'id'\ntR"} {
		if !pickle.Detect([]byte(s), true) {
			t.Errorf("%q is not detected", s)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"cos\nsystem\n(S'id'\ntR.", "\x80\x04\x8c\x02os\x8c\x06system\x93)R.", "(lp0\nI1\na.", "PK\x03\x04", "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rep := pickle.Scan(bytes.NewReader(data), int64(len(data)))
		if rep.Verdict < pickle.Dangerous || rep.Verdict > pickle.Clean {
			t.Fatalf("verdict %d", rep.Verdict)
		}
		if rep.Kind == pickle.None && rep.Verdict == pickle.Clean {
			t.Fatal("clean without being a pickle")
		}
		pickle.Detect(data, true)
		pickle.Detect(data, false)
	})
}
