package snp

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// fakeTSM behaves as configfs-tsm: attributes appear with the directory, and outblob answers inblob.
type fakeTSM struct {
	dirs     map[string]map[string][]byte
	provider string
	table    []byte
	racing   bool   // another request interferes between two reads
	stale    bool   // answers an older request
	short    bool   // answers a byte less than a report
	fails    string // the attribute that cannot be written or read, or "mkdir", "remove"
}

var errBroken = errors.New("broken")

func (f *fakeTSM) broken(name string) error {
	if f.fails == filepath.Base(name) {
		return errBroken
	}
	return nil
}

func (f *fakeTSM) Mkdir(name string) error {
	if f.dirs == nil {
		return fs.ErrNotExist
	}
	f.dirs[name] = map[string][]byte{"provider": []byte(f.provider + "\n"), "generation": []byte("0\n")}
	return f.broken("mkdir")
}

func (f *fakeTSM) Remove(name string) error { delete(f.dirs, name); return f.broken("remove") }

func (f *fakeTSM) Write(name string, b []byte) error {
	d := f.dirs[filepath.Dir(name)]
	d[filepath.Base(name)] = bytes.Clone(b)
	d["generation"] = []byte("1\n")
	if filepath.Base(name) == "privlevel" && string(b) != "1" {
		return errBroken
	}
	return f.broken(name)
}

func (f *fakeTSM) Read(name string) ([]byte, error) {
	d := f.dirs[filepath.Dir(name)]
	if err := f.broken(name); err != nil {
		return d[filepath.Base(name)], err
	}
	switch filepath.Base(name) {
	case "outblob":
		if f.racing {
			d["generation"] = []byte("2\n")
		}
		b := make([]byte, ReportSize)
		binary.LittleEndian.PutUint32(b, 2)
		binary.LittleEndian.PutUint64(b[8:], policyReserved)
		b[0x34] = 1
		copy(b[0x50:], d["inblob"])
		if f.stale {
			b[0x50]++
		}
		if f.short {
			b = b[1:]
		}
		return b, nil
	case "auxblob":
		if f.table == nil {
			return nil, fs.ErrNotExist
		}
		return f.table, nil
	}
	return d[filepath.Base(name)], nil
}

// table builds a certificate table.
func table(entries map[string]string) []byte {
	n := (len(entries) + 1) * tableEntry
	head, data := make([]byte, 0, n), []byte{}
	for g, v := range entries {
		id, _ := hex.DecodeString(g)
		head = binary.LittleEndian.AppendUint32(append(head, id...), uint32(n+len(data)))
		head = binary.LittleEndian.AppendUint32(head, uint32(len(v)))
		data = append(data, v...)
	}
	return append(append(head, make([]byte, tableEntry)...), data...)
}

func TestDevice(t *testing.T) {
	vmpl := uint(1)
	certs := table(map[string]string{guidARK: "ark", guidASK: "ask", guidVCEK: "vcek", "92f81bc358114d3d97ffd19f88dc67ea": "crl"})
	for name, c := range map[string]struct {
		fs    fakeTSM
		certs int
		want  error
	}{
		"accepted":       {fakeTSM{provider: "sev_guest", table: certs}, 3, nil},
		"no certs":       {fakeTSM{provider: "sev_guest"}, 0, nil},
		"another TEE":    {fakeTSM{provider: "tdx_guest"}, 0, attest.ErrUnavailable},
		"interference":   {fakeTSM{provider: "sev_guest", racing: true}, 0, attest.ErrUnavailable},
		"stale answer":   {fakeTSM{provider: "sev_guest", stale: true}, 0, attest.ErrFormat},
		"short report":   {fakeTSM{provider: "sev_guest", short: true}, 0, attest.ErrFormat},
		"broken table":   {fakeTSM{provider: "sev_guest", table: certs[:30]}, 0, attest.ErrFormat},
		"no device here": {fakeTSM{}, 0, attest.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			f := &c.fs
			if name != "no device here" {
				f.dirs = map[string]map[string][]byte{}
			}
			d := &Device{Dir: "/tsm", VMPL: &vmpl, fs: f}
			ev, err := d.Evidence(t.Context(), [64]byte{5})
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if len(ev.Certs) != c.certs || err == nil && ev.Kind != attest.KindSNP {
				t.Errorf("%d certificates", len(ev.Certs))
			}
			if c.certs == 3 && string(bytes.Join(ev.Certs, nil)) != "vcekaskark" {
				t.Errorf("order: %q", ev.Certs)
			}
			if len(f.dirs) != 0 {
				t.Error("the request's directory is left behind")
			}
		})
	}
	// A host that provides the report key alone, as AWS does, is completed by certificates that stay the same for years.
	given := [][]byte{[]byte("my ask"), []byte("my ark")}
	for name, c := range map[string]struct {
		given [][]byte
		table []byte
		want  string
	}{
		"leaf of the host":          {given, table(map[string]string{guidVLEK: "vlek"}), "vlek,my ask,my ark"},
		"host provides all":         {given, certs, "vcek,my ask,my ark"},
		"host provides no leaf":     {given, table(map[string]string{guidASK: "ask", guidARK: "ark"}), "my ask,my ark"},
		"host provides nothing":     {given, nil, "my ask,my ark"},
		"all given":                 {[][]byte{[]byte("my leaf"), []byte("my ask"), []byte("my ark")}, certs, "my leaf,my ask,my ark"},
		"all given, broken table":   {[][]byte{[]byte("my leaf"), []byte("my ask"), []byte("my ark")}, certs[:30], "my leaf,my ask,my ark"},
		"nothing given, leaf alone": {nil, table(map[string]string{guidVCEK: "vcek"}), "vcek"},
	} {
		d := &Device{Dir: "/tsm", Certs: c.given, fs: &fakeTSM{provider: "sev_guest", table: c.table, dirs: map[string]map[string][]byte{}}}
		ev, err := d.Evidence(t.Context(), [64]byte{5})
		if got := string(bytes.Join(ev.Certs, []byte(","))); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	// Nothing that fails is passed over, whatever was read beside the error.
	for _, fails := range []string{"mkdir", "privlevel", "inblob", "provider", "generation", "outblob", "auxblob", "remove"} {
		f := &fakeTSM{provider: "sev_guest", table: certs, fails: fails, dirs: map[string]map[string][]byte{}}
		if _, err := (&Device{VMPL: &vmpl, fs: f}).Evidence(t.Context(), [64]byte{5}); !errors.Is(err, attest.ErrUnavailable) || !errors.Is(err, errBroken) {
			t.Errorf("%s fails: %v", fails, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Device{fs: &fakeTSM{}}).Evidence(canceled, [64]byte{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context's end: %v", err)
	}
	broken := &Device{Certs: given, fs: &fakeTSM{provider: "sev_guest", table: certs[:30], dirs: map[string]map[string][]byte{}}}
	if _, err := broken.Evidence(t.Context(), [64]byte{}); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("broken table beside given certificates: %v", err)
	}
	absent := filepath.Join(t.TempDir(), "absent", "x")
	if osTSM.Mkdir(osTSM{}, absent) == nil || osTSM.Remove(osTSM{}, absent) == nil || osTSM.Write(osTSM{}, absent, nil) == nil {
		t.Error("the real tree's errors are lost")
	}
	// On a machine without configfs-tsm the real tree says so.
	d := &Device{Dir: filepath.Join(t.TempDir(), "absent")}
	if _, err := d.Evidence(t.Context(), [64]byte{}); !errors.Is(err, attest.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestCertTableRefuses(t *testing.T) {
	good := table(map[string]string{guidVCEK: "vcek"})
	if c, err := ParseCertTable(good); err != nil || len(c) != 1 {
		t.Fatal(err)
	}
	entries := func(n int) []byte {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("%032x", i+1)] = "x"
		}
		return table(m)
	}
	for _, b := range [][]byte{make([]byte, tableEntry), entries(maxEntries - 1)} { // nothing but the end; as many as there may be
		if c, err := ParseCertTable(b); err != nil || len(c) != 0 {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
	twice := append(bytes.Clone(good[:tableEntry]), good...)
	for name, b := range map[string][]byte{
		"empty": nil, "no end": good[:tableEntry], "outside": good[:len(good)-1], "twice": twice,
		"overflow":      append(append(bytes.Clone(good[:16]), 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0), make([]byte, tableEntry)...),
		"VCEK and VLEK": table(map[string]string{guidVCEK: "a", guidVLEK: "b"}),
		"many":          bytes.Repeat([]byte{1}, 1<<20),
		"an entry of 0": table(map[string]string{guidVCEK: ""}),
		"33 entries":    entries(maxEntries + 1),
	} {
		if _, err := ParseCertTable(b); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
