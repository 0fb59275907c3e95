package sign_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A member is one entry of an archive to be made.
type member struct {
	name, content string
	method        uint16
	mode          fs.FileMode
	raw           bool // sizes stand in the entry itself instead of after the data
}

func archive(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: m.method}
		if m.mode != 0 {
			h.SetMode(m.mode)
		}
		var f io.Writer
		var err error
		if m.raw {
			h.UncompressedSize64, h.CompressedSize64, h.CRC32 = uint64(len(m.content)), uint64(len(m.content)), crc32.ChecksumIEEE([]byte(m.content))
			h.Flags = 0x800 // UTF-8
			f, err = w.CreateRaw(h)
		} else {
			f, err = w.CreateHeader(h)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipFS(b []byte) (fs.FS, error) { return sign.ZipFS(bytes.NewReader(b), int64(len(b))) }

func TestZipFS(t *testing.T) {
	key := signtest.Key(t)
	weights := strings.Repeat("weights", 100_000) + "!"
	model := signtest.Sign(t, signtest.Files(map[string]string{"config.json": "{}", "a/w": weights, "empty": "", "é": "x"}), key)
	var members []member
	for name, f := range model {
		members = append(members, member{name: name, content: string(f.Data)})
	}
	for what, change := range map[string]func(*member){
		"stored":   func(m *member) { m.method, m.raw = zip.Store, true },
		"streamed": func(m *member) { m.method = zip.Store },
		"deflated": func(m *member) {
			if m.method = zip.Deflate; m.name == "a/w" {
				m.method = zip.Store // grows too much
			}
		},
	} {
		list := []member{{name: "a/"}}
		for _, m := range members {
			change(&m)
			list = append(list, m)
		}
		b := archive(t, list...)
		src, err := zipFS(b)
		if err != nil {
			t.Fatal(what, err)
		}
		if err := fstest.TestFS(src, "config.json", "a/w", "empty"); err != nil {
			t.Error(what, err)
		}
		m := open(t, src, anyModel(key))
		if err := m.VerifyAll(t.Context(), nil); err != nil {
			t.Error(what, err)
		}
		dst := make([]byte, len(weights))
		if _, err := m.ReadInto(t.Context(), "a/w", dst); err != nil || string(dst) != weights {
			t.Error(what, err)
		}
		if _, id, err := sign.Sign(t.Context(), src, key, sign.SignOptions{}); err != nil || id != m.Identity().ModelID {
			t.Error(what, "signing gives another model", err)
		}
		// Any byte of the weights counts.
		b[bytes.Index(b, []byte(weights))+5] ^= 1
		if src, err = zipFS(b); err != nil {
			t.Fatal(what, err)
		}
		if _, err := open(t, src, anyModel(key)).ReadInto(t.Context(), "a/w", dst); !errors.Is(err, sign.ErrMismatch) {
			t.Errorf("%s: altered: %v", what, err)
		}
	}
}

var le = binary.LittleEndian

// Places in an archive of two stored files "a" (with content "11111111") and "b" ("22222222"), made with raw.
type layout struct{ localA, dataA, localB, dataB, centralA, centralB, end int }

func twoFiles(t testing.TB) ([]byte, layout) {
	b := archive(t, member{name: "a", content: "11111111", raw: true}, member{name: "b", content: "22222222", raw: true})
	at := func(sig string) (int, int) {
		return bytes.Index(b, []byte(sig)), bytes.LastIndex(b, []byte(sig))
	}
	var l layout
	l.localA, l.localB = at("PK\x03\x04")
	l.centralA, l.centralB = at("PK\x01\x02")
	l.end, _ = at("PK\x05\x06")
	l.dataA, l.dataB = bytes.Index(b, []byte("11111111")), bytes.Index(b, []byte("22222222"))
	if l.localA != 0 || l.end != len(b)-22 {
		t.Fatal("the archive is not as expected")
	}
	return b, l
}

// splice returns b with n bytes at i replaced by with.
func splice(b []byte, i, n int, with string) []byte {
	return append(append(append([]byte{}, b[:i]...), with...), b[i+n:]...)
}

// One thing of a good archive is changed, and refused for its own reason.
func TestZipHostile(t *testing.T) {
	good, _ := twoFiles(t)
	if _, err := zipFS(good); err != nil {
		t.Fatal(err)
	}
	// fix puts right what the end says after n bytes were put in before the list.
	fix := func(b []byte, n int) []byte {
		end := len(b) - 22
		le.PutUint32(b[end+16:], le.Uint32(b[end+16:])+uint32(n))
		return b
	}
	patch := func(edit func(b []byte, l layout)) func(*testing.T) []byte {
		return func(t *testing.T) []byte { b, l := twoFiles(t); edit(b, l); return b }
	}
	made := func(members ...member) func(*testing.T) []byte {
		return func(t *testing.T) []byte { return archive(t, members...) }
	}
	why := map[string]string{
		"absolute":                  "no name of a file",
		"backslash":                 "no name of a file",
		"before":                    "two entries disagree",
		"before, all offsets right": "lies at",
		"behind":                    "without a comment",
		"bomb":                      "become",
		"both entries are one":      "lies at",
		"comment":                   "without a comment",
		"counts disagree":           "several volumes",
		"cut":                       "without a comment",
		"data in the list":          "reaches into the list",
		"device":                    "neither file nor directory",
		"directory twice":           "is there twice",
		"directory up":              "no name of a file",
		"empty":                     "0 bytes",
		"encrypted":                 "flags 0x801",
		"extra":                     "cut short",
		"fewer entries":             "bytes after the last entry",
		"file above a file":         "other files lie below",
		"file above a directory":    "a file and a directory",
		"file and directory":        "a file and a directory",
		"gap":                       "lies at",
		"gap before the list":       "between the last file",
		"link":                      "neither file nor directory",
		"link of another system":    "neither file nor directory",
		"named as a file":           "whose name is a file's",
		"list elsewhere":            "not where the end says",
		"list longer":               "not where the end says",
		"longer name inside":        "two entries disagree",
		"method":                    "method 93",
		"more entries":              "entries in a list",
		"no archive":                "without a comment",
		"no entry":                  "is none",
		"no entry inside":           "two entries disagree",
		"not UTF-8":                 "no name of a file",
		"offset beyond":             "lies at",
		"one inside the other":      "lies at",
		"other crc inside":          "two entries disagree",
		"other flags inside":        "two entries disagree",
		"other method inside":       "two entries disagree",
		"other name inside":         "two entries disagree",
		"other size inside":         "two entries disagree",
		"other volume":              "another volume",
		"root directory":            "no name of a file",
		"second name":               "a second name",
		"size beyond":               "two entries disagree",
		"stored and grows":          "become",
		"twice":                     "is there twice",
		"unasked zip64":             "zip64 sizes that nobody",
		"up":                        "no name of a file",
		"up inside":                 "no name of a file",
		"volumes":                   "several volumes",
		"zip64, no end":             "zip64 end is not one",
		"zip64, no size":            "no zip64 size",
	}
	for name, make := range map[string]func(*testing.T) []byte{
		"empty":      func(*testing.T) []byte { return nil },
		"no archive": func(*testing.T) []byte { return bytes.Repeat([]byte("x"), 100) },
		"cut":        func(*testing.T) []byte { return good[:len(good)-1] },
		"comment":    func(*testing.T) []byte { b := append(bytes.Clone(good), 'x'); le.PutUint16(b[len(b)-3:], 1); return b },
		"behind":     func(*testing.T) []byte { return append(bytes.Clone(good), "trailing"...) },
		"before":     func(*testing.T) []byte { return fix(splice(good, 0, 0, "#!/bin/sh\n"), 10) },
		"before, all offsets right": func(t *testing.T) []byte {
			_, l := twoFiles(t)
			b := fix(splice(good, 0, 0, "#!/bin/sh\n"), 10)
			le.PutUint32(b[l.centralA+10+42:], uint32(l.localA+10))
			le.PutUint32(b[l.centralB+10+42:], uint32(l.localB+10))
			return b
		},
		"gap": func(t *testing.T) []byte {
			_, l := twoFiles(t)
			b := fix(splice(good, l.localB, 0, "gap"), 3)
			le.PutUint32(b[l.centralB+3+42:], uint32(l.localB+3))
			return b
		},
		"gap before the list":    func(t *testing.T) []byte { _, l := twoFiles(t); return fix(splice(good, l.centralA, 0, "gap"), 3) },
		"twice":                  made(member{name: "a", content: "1", raw: true}, member{name: "a", content: "2", raw: true}),
		"directory twice":        made(member{name: "a/"}, member{name: "a/"}),
		"file above a directory": made(member{name: "a", raw: true}, member{name: "a/b/", raw: true}),
		"file and directory":     made(member{name: "a", raw: true}, member{name: "a/"}),
		"file above a file":      made(member{name: "a", raw: true}, member{name: "a/b", raw: true}),
		"absolute":               made(member{name: "/a", raw: true}),
		"up":                     made(member{name: "../a", raw: true}),
		"up inside":              made(member{name: "a/../../b", raw: true}),
		"backslash":              made(member{name: `a\..\b`, raw: true}),
		"directory up":           made(member{name: "../"}),
		"root directory":         made(member{name: "/"}),
		"link":                   made(member{name: "a", content: "/etc/passwd", mode: fs.ModeSymlink | 0o777, raw: true}),
		"link of another system": patch(func(b []byte, l layout) {
			b[l.centralA+5] = 19
			le.PutUint32(b[l.centralA+38:], 0o120777<<16)
		}),
		"named as a file":     patch(func(b []byte, l layout) { b[l.centralA+38] |= 1 << 4 }),
		"device":              made(member{name: "a", mode: fs.ModeDevice | 0o644, raw: true}),
		"method":              made(member{name: "a", content: "x", method: 93, raw: true}),
		"bomb":                made(member{name: "a", content: strings.Repeat("\x00", 1<<20), method: zip.Deflate}),
		"not UTF-8":           made(member{name: "\xff\xfe", raw: true}),
		"encrypted":           patch(func(b []byte, l layout) { b[l.localA+6] |= 1; b[l.centralA+8] |= 1 }),
		"other name inside":   patch(func(b []byte, l layout) { b[l.localA+30] = 'c' }),
		"longer name inside":  patch(func(b []byte, l layout) { b[l.localA+26]++ }),
		"other method inside": patch(func(b []byte, l layout) { b[l.localA+8] = 8 }),
		"other flags inside":  patch(func(b []byte, l layout) { b[l.localA+6] = 2 }),
		"other size inside":   patch(func(b []byte, l layout) { b[l.localA+22]++ }),
		"other crc inside":    patch(func(b []byte, l layout) { b[l.localA+14]++ }),
		"no entry inside":     patch(func(b []byte, l layout) { b[l.localA]++ }),
		"no entry":            patch(func(b []byte, l layout) { b[l.centralA]++ }),
		"both entries are one": patch(func(b []byte, l layout) {
			le.PutUint32(b[l.centralB+42:], uint32(l.localA))
			b[l.centralB+46] = 'a'
		}),
		"one inside the other": patch(func(b []byte, l layout) { // a's data would reach into b, so b's into the list
			n := uint32(8 + 31 + 8)
			for _, at := range []int{l.localA + 18, l.localA + 22, l.centralA + 20, l.centralA + 24} {
				le.PutUint32(b[at:], n)
			}
		}),
		"data in the list": patch(func(b []byte, l layout) {
			for _, at := range []int{l.localB + 18, l.localB + 22, l.centralB + 20, l.centralB + 24} {
				le.PutUint32(b[at:], 9)
			}
		}),
		"size beyond": patch(func(b []byte, l layout) {
			le.PutUint32(b[l.centralB+20:], 1<<30)
			le.PutUint32(b[l.centralB+24:], 1<<30)
		}),
		"offset beyond":    patch(func(b []byte, l layout) { le.PutUint32(b[l.centralB+42:], 1<<30) }),
		"stored and grows": patch(func(b []byte, l layout) { le.PutUint32(b[l.centralB+24:], 9) }),
		"zip64, no size":   patch(func(b []byte, l layout) { le.PutUint32(b[l.centralB+24:], 0xffffffff) }),
		"zip64, no end":    patch(func(b []byte, l layout) { le.PutUint16(b[l.end+8:], 0xffff); le.PutUint16(b[l.end+10:], 0xffff) }),
		"fewer entries":    patch(func(b []byte, l layout) { b[l.end+8]--; b[l.end+10]-- }),
		"more entries":     patch(func(b []byte, l layout) { b[l.end+8]++; b[l.end+10]++ }),
		"counts disagree":  patch(func(b []byte, l layout) { b[l.end+8]++ }),
		"volumes":          patch(func(b []byte, l layout) { b[l.end+4]++ }),
		"other volume":     patch(func(b []byte, l layout) { b[l.centralA+34]++ }),
		"list elsewhere":   patch(func(b []byte, l layout) { b[l.end+16]-- }),
		"list longer":      patch(func(b []byte, l layout) { b[l.end+12]++ }),
		"extra":            patch(func(b []byte, l layout) { le.PutUint16(b[l.centralB+30:], 60000) }),
		"second name": func(t *testing.T) []byte {
			var out bytes.Buffer
			w := zip.NewWriter(&out)
			if _, err := w.CreateRaw(&zip.FileHeader{Name: "a", Extra: []byte{0x75, 0x70, 1, 0, 1}}); err != nil {
				t.Fatal(err)
			}
			w.Close()
			return out.Bytes()
		},
		"unasked zip64": func(t *testing.T) []byte {
			var out bytes.Buffer
			w := zip.NewWriter(&out)
			if _, err := w.CreateRaw(&zip.FileHeader{Name: "a", Extra: append([]byte{1, 0, 16, 0}, bytes.Repeat([]byte{1}, 16)...)}); err != nil {
				t.Fatal(err)
			}
			w.Close()
			return out.Bytes()
		},
	} {
		_, err := zipFS(make(t))
		if !errors.Is(err, sign.ErrArchive) || why[name] == "" || !strings.Contains(err.Error(), why[name]) {
			t.Errorf("%s: %v, want: %s", name, err, why[name])
		}
	}
}

// A deflated file whose content is not what its entry says is an error of reading it, not a shorter or longer file.
func TestZipDeflatedLies(t *testing.T) {
	b := archive(t, member{name: "a", content: "some text, and some text", method: zip.Deflate})
	central := bytes.Index(b, []byte("PK\x01\x02"))
	for name, edit := range map[string]func(b []byte){
		"longer":  func(b []byte) { b[central+24]--; b[central-4]-- }, // and behind the data
		"shorter": func(b []byte) { b[central+24]++; b[central-4]++ },
		"crc":     func(b []byte) { b[central+16]++; b[central-12]++ },
		"content": func(b []byte) { b[32] ^= 0xff },
	} {
		bad := bytes.Clone(b)
		edit(bad)
		src, err := zipFS(bad)
		if err != nil {
			t.Fatal(name, err)
		}
		if data, err := fs.ReadFile(src, "a"); !errors.Is(err, sign.ErrArchive) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

// FuzzZip: whatever opens is a file system whose files can be read or refused, and never more than an entry says.
func FuzzZip(f *testing.F) {
	good, _ := twoFiles(f)
	f.Add(good)
	f.Add(archive(f, member{name: "a/"}, member{name: "a/b", content: "some text, and some text", method: zip.Deflate}))
	f.Fuzz(func(t *testing.T, b []byte) {
		src, err := zipFS(b)
		if err != nil {
			if !errors.Is(err, sign.ErrArchive) {
				t.Fatal(err)
			}
			return
		}
		err = fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			fi, err := d.Info()
			if err != nil {
				return err
			}
			data, err := fs.ReadFile(src, name)
			if err != nil && !errors.Is(err, sign.ErrArchive) || err == nil && int64(len(data)) != fi.Size() {
				t.Fatalf("%q: %d bytes, want %d: %v", name, len(data), fi.Size(), err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if files, err := zipReads(b); err == nil { // else a file that is not what its entry says
			sameAsOthers(t, b, files)
		}
	})
}
