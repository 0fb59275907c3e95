package snp

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/tsm"
	"github.com/holdfast-ai/holdfast/internal/tsm/tsmtest"
)

// tree is a machine whose reports alter changes.
func tree(alter func([]byte) []byte) *tsmtest.FS {
	return &tsmtest.FS{Dirs: map[string]map[string][]byte{}, Provider: "sev_guest", Answer: func(in []byte) []byte {
		b := make([]byte, ReportSize)
		binary.LittleEndian.PutUint32(b, 2)
		binary.LittleEndian.PutUint64(b[8:], policyReserved)
		b[0x34] = 1
		copy(b[0x50:], in)
		if alter != nil {
			b = alter(b)
		}
		return b
	}}
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
		edit  func(*tsmtest.FS)
		certs int
		want  error
	}{
		"accepted":       {func(f *tsmtest.FS) { f.Added = certs }, 3, nil},
		"no certs":       {func(*tsmtest.FS) {}, 0, nil},
		"another TEE":    {func(f *tsmtest.FS) { f.Provider = "tdx_guest" }, 0, attest.ErrUnavailable},
		"interference":   {func(f *tsmtest.FS) { f.Racing = true }, 0, attest.ErrUnavailable},
		"stale answer":   {func(f *tsmtest.FS) { f.Answer = tree(func(b []byte) []byte { b[0x50]++; return b }).Answer }, 0, attest.ErrFormat},
		"short report":   {func(f *tsmtest.FS) { f.Answer = tree(func(b []byte) []byte { return b[1:] }).Answer }, 0, attest.ErrFormat},
		"broken table":   {func(f *tsmtest.FS) { f.Added = certs[:30] }, 0, attest.ErrFormat},
		"no device here": {func(f *tsmtest.FS) { f.Dirs = nil }, 0, attest.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			f := tree(nil)
			c.edit(f)
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
			if len(f.Dirs) != 0 {
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
		f := tree(nil)
		f.Added = c.table
		d := &Device{Dir: "/tsm", Certs: c.given, fs: f}
		ev, err := d.Evidence(t.Context(), [64]byte{5})
		if got := string(bytes.Join(ev.Certs, []byte(","))); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	// Nothing that fails is passed over, whatever was read beside the error.
	for _, fails := range []string{"mkdir", "privlevel", "inblob", "provider", "generation", "outblob", "auxblob", "remove"} {
		f := tree(nil)
		f.Added, f.Fails = certs, fails
		if _, err := (&Device{VMPL: &vmpl, fs: f}).Evidence(t.Context(), [64]byte{5}); !errors.Is(err, attest.ErrUnavailable) || !errors.Is(err, tsmtest.ErrBroken) {
			t.Errorf("%s fails: %v", fails, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Device{fs: tree(nil)}).Evidence(canceled, [64]byte{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context's end: %v", err)
	}
	f := tree(nil)
	f.Added = certs[:30]
	broken := &Device{Certs: given, fs: f}
	if _, err := broken.Evidence(t.Context(), [64]byte{}); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("broken table beside given certificates: %v", err)
	}
	absent := filepath.Join(t.TempDir(), "absent", "x")
	if (tsm.OS{}).Mkdir(absent) == nil || (tsm.OS{}).Remove(absent) == nil || (tsm.OS{}).Write(absent, nil) == nil {
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
