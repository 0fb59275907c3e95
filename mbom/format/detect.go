// Package format tells what a file is from its content. What a loader would do with a name counts too: a file may have a
// format by its bytes and another by its name, and a gate must allow both.
package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
	"github.com/holdfast-ai/holdfast/mbom/format/sentencepiece"
)

// A Kind is a format as policies name it.
type Kind string

// The formats that are told apart. Binary content of none of them is [Unknown].
const (
	Safetensors Kind = "safetensors"
	GGUF        Kind = "gguf"
	JSON        Kind = "json"
	Text        Kind = "text"  // UTF-8 without control characters: cards, templates, licences, YAML
	Image       Kind = "image" // PNG, JPEG, GIF, WebP
	// SentencePiece is a tokenizer, such as tokenizer.model, spiece.model and *.spm.
	SentencePiece Kind = "sentencepiece"
	Empty         Kind = "empty"

	Pickle     Kind = "pickle"
	Torch      Kind = "torch" // zip of torch.save
	Zip        Kind = "zip"
	Archive    Kind = "archive" // tar, gzip, xz, zstd, bzip2, 7z, rar
	NumPy      Kind = "numpy"
	HDF5       Kind = "hdf5"
	Keras      Kind = "keras"
	ONNX       Kind = "onnx"
	TensorFlow Kind = "tensorflow"
	RData      Kind = "r-data"
	Executable Kind = "executable" // ELF, PE, Mach-O, WebAssembly: programs and shared libraries
	Script     Kind = "script"     // a "#!" line, or the name of a shell or batch file
	Python     Kind = "python"     // source or bytecode
	Java       Kind = "java"
	PDF        Kind = "pdf"
	SVG        Kind = "svg"         // text that may hold scripts
	LFS        Kind = "lfs-pointer" // a Git LFS pointer instead of the file
	Unknown    Kind = "unknown"
)

// HeadSize is how many bytes of a file [Detect] wants, at most.
const HeadSize = 1 << 20

// ByName returns the format that a loader would assume from the name alone, or "" for names that start none. Case does not
// count.
func ByName(name string) Kind {
	base := strings.ToLower(path.Base(name))
	ext := path.Ext(base)
	switch ext {
	case ".safetensors":
		return Safetensors
	case ".gguf":
		return GGUF
	case ".json", ".ipynb":
		return JSON
	case ".pkl", ".pickle", ".dill", ".joblib", ".pt", ".pth", ".ckpt", ".mar":
		return Pickle
	case ".npy", ".npz":
		return NumPy
	case ".h5", ".hdf5":
		return HDF5
	case ".keras":
		return Keras
	case ".onnx", ".onnxtxt", ".onnxtext", ".onnxjson", ".textproto", ".prototxt":
		return ONNX
	case ".pb", ".pbtxt", ".cpb": // SavedModels are read as text too, and compressed
		return TensorFlow
	case ".rds", ".rda", ".rdata": // R runs code while it reads one, and reads them as text too
		return RData
	case ".py", ".pyw", ".pyc", ".pyo", ".pyi", ".pyx":
		return Python
	case ".so", ".dll", ".dylib", ".exe", ".pyd", ".wasm", ".com", ".scr", ".sys", ".o", ".a", ".ko", ".cubin", ".fatbin", ".ptx", ".llamafile":
		return Executable
	case ".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".vbs", ".js", ".mjs", ".lua", ".rb", ".pl":
		return Script
	case ".jar", ".class":
		return Java
	case ".svg":
		return SVG
	}
	if strings.Contains(base, ".so.") { // libx.so.1
		return Executable
	}
	return ""
}

// magics are the first bytes of formats that have a fixed beginning.
func magics() []struct {
	prefix string
	kind   Kind
} {
	return []struct {
		prefix string
		kind   Kind
	}{
		{"GGUF", GGUF}, {"\x93NUMPY", NumPy}, {"\x89HDF\r\n\x1a\n", HDF5},
		{"\x7fELF", Executable}, {"MZ", Executable}, {"\x00asm", Executable},
		{"\xfe\xed\xfa\xce", Executable}, {"\xfe\xed\xfa\xcf", Executable}, {"\xce\xfa\xed\xfe", Executable}, {"\xcf\xfa\xed\xfe", Executable},
		{"\xca\xfe\xba\xbe", Executable}, {"!<arch>\n", Executable},
		{"PK\x03\x04", Zip}, {"PK\x05\x06", Zip}, {"\x1f\x8b", Archive}, {"BZh", Archive}, {"\xfd7zXZ\x00", Archive}, {"7z\xbc\xaf\x27\x1c", Archive},
		{"Rar!\x1a\x07", Archive}, {"\x28\xb5\x2f\xfd", Archive}, {"\x04\x22\x4d\x18", Archive},
		{"\x89PNG\r\n\x1a\n", Image}, {"\xff\xd8\xff", Image}, {"GIF87a", Image}, {"GIF89a", Image}, {"%PDF-", PDF},
		{"version https://git-lfs.github.com/spec/", LFS}, {"#!", Script},
	}
}

// Detect returns the format of a file of size bytes that begins with head, by content alone. head is the whole file or
// its first [HeadSize] bytes. Binary content that is nothing else is [Unknown], never something harmless.
func Detect(head []byte, size int64) Kind {
	if size == 0 {
		return Empty
	}
	whole := int64(len(head)) == size
	switch k := byMagic(head); k {
	case "":
	case Zip:
		if rep := pickle.Scan(bytes.NewReader(head), int64(len(head))); rep.Kind == pickle.Zip || bytes.Contains(head, []byte("data.pkl")) {
			return Torch
		}
		return Zip
	case Image:
		return alone(Image, head, whole)
	default:
		return k
	}
	if safetensorsHead(head, size) { // before pickle: a length may begin with the bytes of a small pickle
		return Safetensors
	}
	if pickle.Detect(head, whole) {
		return Pickle
	}
	if isTar(head) || zlibPickle(head) {
		return Archive
	}
	if sentencepiece.Begins(head, size) {
		return alone(SentencePiece, head, whole)
	}
	return textual(head, whole)
}

// alone returns k, or what the file is to a loader that does not look at its magic: "G" and \x89 are opcodes of a pickle, a tar
// begins with any name, HDF5 may lie behind a block of the user's, and the directory of a zip is found from the end, where images
// end in bytes that nobody shows, and vocabularies in texts that nobody reads.
func alone(k Kind, head []byte, whole bool) Kind {
	switch {
	case pickle.Detect(head, whole):
		return Pickle
	case isTar(head):
		return Archive
	case hdf5Inside(head):
		return HDF5
	case zipAtEnd(head):
		return Zip
	}
	return k
}

func byMagic(head []byte) Kind {
	for _, m := range magics() {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return m.kind
		}
	}
	if len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" {
		return Image
	}
	if textOfR(head) {
		return RData
	}
	// .pyc of Python 3.7 and later (PEP 552): a magic number, then flags, of which there are two. Prose has none of the zeros.
	if len(head) >= 16 && binary.LittleEndian.Uint16(head) >= 3394 && head[2] == '\r' && head[3] == '\n' && binary.LittleEndian.Uint32(head[4:]) <= 3 {
		return Python
	}
	return ""
}

// textOfR reports whether R would read the file as objects in text, which it does under any name: "A", the version of the format, and
// the versions of R that wrote and may read it, a line each (R Internals, 1.8); an image of a workspace has a line before that.
func textOfR(head []byte) bool {
	for _, image := range []string{"RDA2\n", "RDA3\n"} {
		head = bytes.TrimPrefix(head, []byte(image))
	}
	lines := bytes.SplitN(head[:min(len(head), 64)], []byte("\n"), 5)
	if len(lines) < 5 || string(lines[0]) != "A" || string(lines[1]) != "2" && string(lines[1]) != "3" {
		return false
	}
	for _, version := range lines[2:4] { // 0x10000 for each major version
		if n, err := strconv.Atoi(string(bytes.TrimSpace(version))); err != nil || n < 1<<16 {
			return false
		}
	}
	return true
}

// safetensorsHead reports whether the file has a length field that fits and an object after it.
func safetensorsHead(head []byte, size int64) bool {
	if len(head) < 10 || head[8] != '{' {
		return false
	}
	n := binary.LittleEndian.Uint64(head)
	return n >= 2 && n <= uint64(size-8)
}

func textual(head []byte, whole bool) Kind {
	if !whole { // the cut may go through a rune
		for range utf8.UTFMax - 1 {
			if r, n := utf8.DecodeLastRune(head); r == utf8.RuneError && n == 1 {
				head = head[:len(head)-1]
			}
		}
	}
	if !utf8.Valid(head) {
		return Unknown
	}
	for _, c := range head {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' {
			return Unknown
		}
	}
	trimmed := bytes.TrimSpace(head)
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && (json.Valid(trimmed) || !whole) {
		return JSON
	}
	if bytes.HasPrefix(trimmed, []byte("<svg")) || bytes.HasPrefix(trimmed, []byte("<?xml")) && bytes.Contains(trimmed, []byte("<svg")) {
		return SVG
	}
	return Text
}
