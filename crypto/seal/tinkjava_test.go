//go:build interop

package seal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

type javaJob struct {
	Op     string `json:"op"`
	Keyset string `json:"keyset"`
	AD     []byte `json:"ad"`
	In     string `json:"in"`
	Out    string `json:"out"`
}

// tinkJava runs jobs with the peer of internal/interop/tinkjava.
func tinkJava(t *testing.T, jobs []javaJob) error {
	t.Helper()
	setup := exec.Command(filepath.Join(testkit.Root(t), "internal", "interop", "setup-tink-java.sh"))
	setup.Stderr = os.Stderr
	out, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("java", "-cp", strings.TrimSpace(string(out)), "Peer")
	cmd.Stdin = bytes.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func writeKeyset(t *testing.T, name string, h *keyset.Handle) {
	t.Helper()
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		t.Fatal(err)
	}
	put(t, name, b.Bytes())
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Both directions with tink-java: every template and segments of 127 bytes, 64 KiB and 3 MiB, at the sizes around every
// segment's edge; it reads what we write in order and through its seekable channel.
func TestTinkJava(t *testing.T) {
	ad := []byte("associated data")
	type file struct {
		keyset, name string
		h            *keyset.Handle
		plain        []byte
	}
	var files []file
	var jobs []javaJob
	for name, k := range templates(t) {
		dir := filepath.Join(t.TempDir(), "d")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		ks := filepath.Join(dir, "keyset.json")
		writeKeyset(t, ks, k.h)
		for _, size := range k.sizes {
			f := file{name, filepath.Join(dir, fmt.Sprint(size)), k.h, k.plain[:size]}
			files = append(files, f)
			put(t, f.name+".plain", f.plain)
			jobs = append(jobs, javaJob{"seal", ks, ad, f.name + ".plain", f.name + ".theirs"})
			if k.write {
				put(t, f.name+".ours", writers["EncryptFrom"](t, k.h, ad, f.plain))
				jobs = append(jobs, javaJob{"open", ks, ad, f.name + ".ours", f.name + ".opened"})
				if size > 0 { // tink-java never finds the end of an empty file through this channel, of its own files neither
					jobs = append(jobs, javaJob{"seek", ks, ad, f.name + ".ours", f.name + ".sought"})
				}
			}
		}
	}
	if err := tinkJava(t, jobs); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, f := range files {
		theirs := read(f.name + ".theirs")
		for entrance, open := range readers {
			if got, err := open(t, f.h, ad, theirs); err != nil || !bytes.Equal(got, f.plain) {
				t.Errorf("%s, %d bytes: %s reads theirs: %d bytes, %v", f.keyset, len(f.plain), entrance, len(got), err)
			}
		}
	}
	opened := 0
	for _, j := range jobs {
		if j.Op == "seal" {
			continue
		}
		opened++
		if !bytes.Equal(read(j.Out), read(strings.TrimSuffix(j.In, ".ours")+".plain")) {
			t.Errorf("%s %s: tink-java reads other bytes", j.Op, j.In)
		}
	}
	if opened < 150 {
		t.Errorf("%d files of ours were opened", opened)
	}
	// Broken files and other associated data are refused by them as by us.
	i := slices.IndexFunc(jobs, func(j javaJob) bool { return j.Op == "open" && strings.HasSuffix(j.In, "/4096.ours") })
	if i < 0 {
		t.Fatal("no file of two segments")
	}
	good := read(jobs[i].In)
	for _, op := range []string{"open", "seek"} {
		for what, change := range map[string]func(b []byte, j *javaJob) []byte{
			"other associated data": func(b []byte, j *javaJob) []byte { j.AD = []byte("other"); return b },
			"an altered byte":       func(b []byte, _ *javaJob) []byte { b[2000] ^= 1; return b },
			"a cut":                 func(b []byte, _ *javaJob) []byte { return b[:4096] },
		} {
			bad := javaJob{op, jobs[i].Keyset, ad, jobs[i].In + ".bad", jobs[i].In + ".none"}
			put(t, bad.In, change(bytes.Clone(good), &bad))
			if err := tinkJava(t, []javaJob{bad}); err == nil {
				t.Errorf("tink-java accepts %s by %s", what, op)
			}
		}
	}
}
