package strictzip_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/strictzip"
)

// deflated is an archive of one file whose packed bytes are pack(content), as the sizes in both of its entries say. local is the
// extra data of the copy before the file.
func deflated(t *testing.T, content string, local []byte, pack func([]byte) []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := pack(packed.Bytes())
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	f, err := z.CreateRaw(&zip.FileHeader{
		Name: "a", Method: zip.Deflate, Flags: 0x800, CRC32: crc32.ChecksumIEEE([]byte(content)),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(content)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	if len(local) == 0 {
		return b
	}
	le.PutUint16(b[28:], uint16(len(local)))
	b = append(append(bytes.Clone(b[:31]), local...), b[31:]...)
	end := len(b) - 22
	le.PutUint32(b[end+16:], le.Uint32(b[end+16:])+uint32(len(local)))
	return b
}

func readOnly(t *testing.T, b []byte) (string, error) {
	t.Helper()
	entries, err := strictzip.Entries(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	r, err := entries[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

// Who reads an archive from front to back goes on where the compressed data ends, and not where the list says that it does: what lies in
// between is a file to them, and nothing to everybody else.
func TestNothingBehindCompressedData(t *testing.T) {
	whole := func(b []byte) []byte { return b }
	hidden := func(b []byte) []byte { return append(bytes.Clone(b), archive(t, "")...) }
	for name, c := range map[string]struct {
		content string
		pack    func([]byte) []byte
		ok      bool
	}{
		"nothing behind":      {"some text, and some text", whole, true},
		"nothing, empty file": {"", whole, true},
		"an archive behind":   {"some text, and some text", hidden, false},
		"behind nothing":      {"", hidden, false},
		"one byte behind":     {"some text, and some text", func(b []byte) []byte { return append(bytes.Clone(b), 0) }, false},
		"long, a byte behind": {string(make([]byte, 1<<17)), func(b []byte) []byte { return append(bytes.Clone(b), 0) }, false},
		"long":                {string(make([]byte, 1<<17)), whole, true},
	} {
		got, err := readOnly(t, deflated(t, c.content, nil, c.pack))
		if c.ok && (err != nil || got != c.content) || !c.ok && !errors.Is(err, strictzip.ErrArchive) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// The data of a directory is read by nobody, so that a file could lie behind what little there may be.
func TestNothingInDirectories(t *testing.T) {
	whole := func(b []byte) []byte { return b }
	directory := func(b []byte) []byte { // the name of the one entry
		le.PutUint16(b[26:], 1)
		b[30] = '/'
		b[len(b)-22-1] = '/'
		return b
	}
	for name, c := range map[string]struct {
		pack func([]byte) []byte
		ok   bool
	}{
		"nothing, deflated":  {whole, true},
		"an archive behind":  {func(b []byte) []byte { return append(bytes.Clone(b), archive(t, "")...) }, false},
		"an archive instead": {func([]byte) []byte { return archive(t, "") }, false},
	} {
		b := directory(deflated(t, "", nil, c.pack))
		entries, err := strictzip.Entries(bytes.NewReader(b), int64(len(b)))
		if c.ok && (err != nil || len(entries) != 1 || entries[0].Name != "/") || !c.ok && !errors.Is(err, strictzip.ErrArchive) {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
}

// Sizes that follow the data are a third copy, which those who read from front to back believe.
func TestSizesBehindTheDataDisagree(t *testing.T) {
	good := archive(t, "")
	at := 30 + len("m/data.pkl") + 2 // "N." is stored by a writer that does not look ahead
	if le.Uint32(good[at:]) != 0x08074b50 {
		at = bytes.Index(good, []byte("PK\x07\x08"))
	}
	for name, i := range map[string]int{"signature": at, "crc": at + 4, "packed": at + 8, "plain": at + 12} {
		b := bytes.Clone(good)
		b[i] ^= 1
		if _, err := strictzip.Entries(bytes.NewReader(b), int64(len(b))); !errors.Is(err, strictzip.ErrArchive) {
			t.Errorf("%s: %v", name, err)
		}
	}
	crc, packed, plain := good[at+4:at+8], le.Uint32(good[at+8:]), le.Uint32(good[at+12:])
	sizes := func(wide bool) (b []byte) {
		for _, n := range []uint32{packed, plain} {
			if b = le.AppendUint32(b, n); wide {
				b = append(b, 0, 0, 0, 0)
			}
		}
		return b
	}
	for name, c := range map[string]struct {
		form []byte
		ok   bool
	}{
		"no signature":         {append(bytes.Clone(crc), sizes(false)...), true},
		"zip64":                {append(append([]byte("PK\x07\x08"), crc...), sizes(true)...), true},
		"zip64, no signature":  {append(bytes.Clone(crc), sizes(true)...), true},
		"nothing":              {nil, true},
		"zeros":                {make([]byte, 12), false},
		"zeros of zip64":       {make([]byte, 24), false},
		"text with a length":   {[]byte("sixteen letters!"), false},
		"text without a match": {[]byte("seventeen letters"), false},
	} {
		b := append(append(bytes.Clone(good[:at]), c.form...), good[at+16:]...)
		end := len(b) - 22
		le.PutUint32(b[end+16:], le.Uint32(b[end+16:])+uint32(len(c.form))-16)
		_, err := strictzip.Entries(bytes.NewReader(b), int64(len(b)))
		if c.ok && err != nil || !c.ok && !errors.Is(err, strictzip.ErrArchive) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The copy of an entry can carry a second name too (Info-ZIP Unicode Path, APPNOTE 4.6.9), which those who read from front to back take.
func TestSecondNameInTheCopy(t *testing.T) {
	whole := func(b []byte) []byte { return b }
	stamp := []byte{'U', 'T', 5, 0, 1, 0, 0, 0, 0} // a time, as Info-ZIP writes it
	if got, err := readOnly(t, deflated(t, "text", stamp, whole)); err != nil || got != "text" {
		t.Errorf("a time: %q, %v", got, err)
	}
	second := []byte{0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 'b'}
	for name, extra := range map[string][]byte{"alone": second, "after a time": append(bytes.Clone(stamp), second...), "cut short": second[:9]} {
		if got, err := readOnly(t, deflated(t, "text", extra, whole)); !errors.Is(err, strictzip.ErrArchive) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	streamed := archive(t, "")
	le.PutUint16(streamed[28:], uint16(len(second)))
	at := 30 + len("m/data.pkl")
	streamed = append(append(bytes.Clone(streamed[:at]), second...), streamed[at:]...)
	end := len(streamed) - 22
	le.PutUint32(streamed[end+16:], le.Uint32(streamed[end+16:])+uint32(len(second)))
	if _, err := readOnly(t, streamed); !errors.Is(err, strictzip.ErrArchive) {
		t.Errorf("sizes behind the data: %v", err)
	}
}
