package format_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom/format"
)

func head(data []byte) []byte { return data[:min(len(data), format.HeadSize)] }

// Whatever its name, no file that is dangerous to load looks like data, and good weights look like what they are.
func TestVectors(t *testing.T) {
	harmless := []format.Kind{format.Text, format.JSON, format.Image, format.Empty, format.Safetensors, format.GGUF}
	for _, folder := range []string{"pickle", "torch", "zip", "npy", "keras", "nemo", "tensorflow", "onnx", "safetensors", "gguf"} {
		dir, labels := testkit.Labelled[struct{ Path, Verdict string }](t, "formats", folder)
		for _, l := range labels {
			data, err := os.ReadFile(filepath.Join(dir, l.Path))
			if err != nil {
				t.Fatal(err)
			}
			kind := format.Detect(head(data), int64(len(data)))
			switch {
			case l.Verdict == "dangerous" && slices.Contains(harmless, kind):
				t.Errorf("%s/%s is dangerous and looks like %s", folder, l.Path, kind)
			case folder == "safetensors" && strings.HasPrefix(l.Verdict, "accept") && kind != format.Safetensors:
				t.Errorf("%s/%s looks like %s", folder, l.Path, kind)
			case folder == "gguf" && strings.HasPrefix(l.Verdict, "accept") && kind != format.GGUF:
				t.Errorf("%s/%s looks like %s", folder, l.Path, kind)
			}
		}
		if len(labels) == 0 {
			t.Errorf("no labels in %s", folder)
		}
	}
}

// The real cards, configurations and templates of published models are data.
func TestRealMetadata(t *testing.T) {
	for dir, want := range map[string]format.Kind{"cards": format.Text, "configs": format.JSON, "tokenizer": format.JSON} {
		files, err := filepath.Glob(filepath.Join(testkit.Vectors(t, "mbom", dir), "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if kind := format.Detect(data, int64(len(data))); kind != want {
				t.Errorf("%s looks like %s", name, kind)
			}
		}
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]format.Kind{
		"": format.Empty, "hello\n": format.Text, "{\"a\":1}": format.JSON, " [1]": format.JSON, "{{ jinja }}": format.Text, "\x00": format.Unknown,
		"\x89PNG\r\n\x1a\n": format.Image, "RIFF0000WEBPVP8 ": format.Image, "#!/bin/sh": format.Script, "\x7fELF": format.Executable, "MZ": format.Executable,
		"\xff\xfe": format.Unknown, "caf\u00e9": format.Text, "a\x1b[31m": format.Unknown, "\xa7\x0d\x0d\x0a" + strings.Repeat("\x00", 12): format.Python,
		"\x80\x02.": format.Pickle, "cos\nsystem\n.": format.Pickle, "--\r\nlicense: mit\r\n--\r\n": format.Text, "%PDF-1.7": format.PDF,
		"A\n3\n262657\n197888\n5\nUTF-8\n238\n": format.RData, "RDA3\nA\n3\n262657\n197888\n5\n": format.RData, "A\n2\nB\nC\nD\n": format.Text, "A\n2\n3\n4\n5\n": format.Text,
		"<svg>": format.SVG, "\x1f\x8b\x08": format.Archive,
	} {
		if got := format.Detect([]byte(text), int64(len(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	// A cut inside a rune does not make text binary.
	long := strings.Repeat("\u00e9", format.HeadSize)
	if got := format.Detect([]byte("a" + long)[:format.HeadSize], 2*format.HeadSize); got != format.Text {
		t.Errorf("cut text: %s", got)
	}
}

func TestByName(t *testing.T) {
	for name, want := range map[string]format.Kind{
		"a/b.SafeTensors": format.Safetensors, "x.gguf": format.GGUF, "m.PT": format.Pickle, "lib.so": format.Executable, "lib.so.1.2": format.Executable,
		"modeling.py": format.Python, "README.md": "", "noext": "", "x.npz": format.NumPy, "saved_model.pbtxt": format.TensorFlow, "m.onnxtxt": format.ONNX, "m.RDS": format.RData, "a.svg": format.SVG, "run.sh": format.Script,
	} {
		if got := format.ByName(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func FuzzDetect(f *testing.F) {
	f.Add([]byte("cos\nsystem\n(S'id'\ntR."), int64(30))
	f.Add([]byte("PK\x03\x04"), int64(4))
	f.Add([]byte("{\"a\":\"\u00e9"), int64(100))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		if k := format.Detect(data, max(size, int64(len(data)))); k == "" {
			t.Fatal("no kind")
		}
	})
}
