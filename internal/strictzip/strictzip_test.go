package strictzip_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/strictzip"
)

var le = binary.LittleEndian

// archive makes an archive of one stored file, whose entry in the list has a comment.
func archive(t testing.TB, comment string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "m/data.pkl", Comment: comment})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("N.")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wide puts a zip64 end and its locator before the end, as torch.save does for every archive. change alters the zip64 end.
func wide(b []byte, change func(end64 []byte)) []byte {
	end := len(b) - 22
	n, length, at := uint64(le.Uint16(b[end+10:])), uint64(le.Uint32(b[end+12:])), uint64(le.Uint32(b[end+16:]))
	e := le.AppendUint64(le.AppendUint32(nil, 0x06064b50), 44)
	e = append(e, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, v := range []uint64{n, n, length, at} {
		e = le.AppendUint64(e, v)
	}
	change(e)
	e = le.AppendUint32(le.AppendUint64(le.AppendUint32(le.AppendUint32(e, 0x07064b50), 0), uint64(end)), 1)
	return append(append(bytes.Clone(b[:end]), e...), b[end:]...)
}

// Some readers believe a zip64 end wherever one is, others only where the end asks for it.
func TestTwoEnds(t *testing.T) {
	plain := archive(t, "")
	for name, c := range map[string]struct {
		data []byte
		ok   bool
	}{
		"no zip64":          {plain, true},
		"the same":          {wide(plain, func([]byte) {}), true},
		"another place":     {wide(plain, func(e []byte) { e[48]-- }), false},
		"another length":    {wide(plain, func(e []byte) { e[40]-- }), false},
		"another number":    {wide(plain, func(e []byte) { e[24]++; e[32]++ }), false},
		"locator elsewhere": {archive(t, "PK\x06\x07"+string(make([]byte, 16))), false},
		"comment":           {archive(t, "twenty bytes and more"), true},
	} {
		entries, err := strictzip.Entries(bytes.NewReader(c.data), int64(len(c.data)))
		if c.ok && (err != nil || len(entries) != 1) || !c.ok && !errors.Is(err, strictzip.ErrArchive) {
			t.Errorf("%s: %d entries, %v", name, len(entries), err)
		}
	}
}

func TestEntry(t *testing.T) {
	data := archive(t, "")
	entries, err := strictzip.Entries(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(entries) != 1 || entries[0].Name != "m/data.pkl" || !entries[0].Stored || entries[0].Plain != 2 {
		t.Fatalf("%+v, %v", entries, err)
	}
	rc, err := entries[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); err != nil || string(got) != "N." {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzEntries(f *testing.F) {
	f.Add(archive(f, ""))
	f.Add(wide(archive(f, "x"), func([]byte) {}))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := strictzip.Entries(bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, strictzip.ErrArchive) {
			t.Fatalf("untyped error: %v", err)
		}
		for _, e := range entries {
			if rc, err := e.Open(); err == nil {
				if _, err := io.Copy(io.Discard, io.LimitReader(rc, 1<<20)); err != nil && !errors.Is(err, strictzip.ErrArchive) {
					t.Fatalf("untyped error: %v", err)
				}
				rc.Close()
			}
		}
	})
}
