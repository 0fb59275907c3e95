//go:build long && linux

package sign_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

const (
	memoryEnv = "HOLDFAST_TEST_MEMORY" // directory, size, shard size and way, for the child
	workers   = 2
)

// TestMemoryBound: the peak memory of a process that signs, verifies, opens and reads a file does not depend on its size. Each
// measurement is a process of its own.
func TestMemoryBound(t *testing.T) {
	if spec := os.Getenv(memoryEnv); spec != "" {
		useMuch(t, spec)
		return
	}
	const bound = 64<<20 + 2*workers*testChunk
	for _, size := range []int64{1 << 30, 8 << 30, 32 << 30} {
		for _, shard := range []int64{0, 16 << 20} {
			for _, way := range []string{"VerifyAll", "OpenFile"} {
				t.Run(fmt.Sprintf("%dGiB/shard=%d/%s", size>>30, shard, way), func(t *testing.T) {
					dir := t.TempDir()
					f, err := os.Create(filepath.Join(dir, "w"))
					if err != nil {
						t.Fatal(err)
					}
					if err := f.Truncate(size); err != nil {
						t.Skip("no sparse files here:", err)
					}
					f.Close()
					cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryBound$", "-test.timeout=20m")
					cmd.Env = append(os.Environ(), memoryEnv+"="+fmt.Sprintf("%s %d %d %s", dir, size, shard, way))
					out, err := cmd.CombinedOutput()
					_, after, found := bytes.Cut(out, []byte("VmHWM:"))
					if err != nil || !found {
						t.Fatalf("%v: %s", err, out)
					}
					kib, err := strconv.ParseInt(strings.Fields(string(after))[0], 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("%.1f MiB", float64(kib)/1024)
					if kib<<10 > bound {
						t.Errorf("peak of %d KiB, allowed are %d", kib, bound>>10)
					}
				})
			}
		}
	}
}

func useMuch(t *testing.T, spec string) {
	var dir, way string
	var size, shard int64
	if _, err := fmt.Sscan(spec, &dir, &size, &shard, &way); err != nil {
		t.Fatal(err)
	}
	debug.SetGCPercent(100)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	key := signtest.Key(t)
	b, _, err := sign.Sign(t.Context(), sign.DirFS(root), key, sign.SignOptions{ShardSize: shard, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, sign.DirFS(root), anyModel(key), sign.WithBundle(b), sign.WithWorkers(workers))
	switch way {
	case "VerifyAll":
		err = m.VerifyAll(t.Context(), nil)
	case "OpenFile":
		f := openFile(t, m)
		p := make([]byte, 1<<20)
		for range 200 {
			if _, err := f.ReadAt(p, rand.Int64N(size-int64(len(p)))); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(p, make([]byte, len(p))) {
			t.Error("not what is in the file")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.Write(status)
}
