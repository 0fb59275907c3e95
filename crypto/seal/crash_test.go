package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

const (
	killDir  = "HOLDFAST_TEST_KILL_DIR"  // set in the child: where the directory "sealed" is to be replaced
	killStep = "HOLDFAST_TEST_KILL_STEP" // before which change of the file system the child dies; counted from 0
)

func crashModel(version string) fstest.MapFS {
	return fstest.MapFS{"config.json": {Data: pattern(version, 300)}, "a/weights": {Data: pattern(version+"w", 30_000)}}
}

func crashKey(t *testing.T, version string) *keyset.Handle {
	t.Helper()
	return keysetOf(t, pattern(version, 32), 32, 4096, aesgcmhkdf.SHA256)
}

// sealNew replaces dir/sealed, an old version, by a new one.
func sealNew(t *testing.T, dir string, hook func(string) error) error {
	t.Helper()
	h := crashKey(t, "new")
	o := seal.Options{Name: "m", Version: 2, Resume: true, Replace: true, HideNames: true, Wraps: []seal.Wrapper{
		wrapFunc(func() (seal.Wrapped, error) { return seal.Wrapped{ID: "ops", Blob: []byte("new keyset")}, nil }),
	}}
	_, err := seal.Dir(t.Context(), filepath.Join(dir, "sealed"), crashModel("new"), h, seal.WithHook(o, hook))
	return err
}

// version says which of the two versions a directory is, whole.
func version(t *testing.T, dir string) string {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var errs []error
	for _, v := range []string{"old", "new"} {
		f, err := seal.OpenFS(t.Context(), root.FS(), fixed(crashKey(t, v)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		defer f.Close()
		for name, want := range crashModel(v) {
			if got, err := fs.ReadFile(f, name); err != nil || !bytes.Equal(got, want.Data) {
				t.Errorf("%s version, %s: %v", v, name, err)
			}
		}
		return v
	}
	t.Fatalf("neither version: %v", errs)
	return ""
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func needsExchange(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("directories cannot be exchanged in one step on " + runtime.GOOS)
	}
}

// everyStep replaces an old directory by a new one and is stopped by stop before every change in turn. What is there then
// is the old directory or the new one, and the next call makes it the new one and leaves nothing else.
func everyStep(t *testing.T, stop func(t *testing.T, dir string, step int) (finished bool)) {
	t.Helper()
	old, _ := sealModel(t, crashKey(t, "old"), crashModel("old"), seal.Options{Name: "m", Version: 1})
	seen := map[string]int{}
	for step := 0; ; step++ {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "sealed"), os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		finished := stop(t, dir, step)
		v := version(t, filepath.Join(dir, "sealed"))
		seen[v]++
		if finished && v != "new" {
			t.Fatalf("a finished call left the %s version", v)
		}
		if c, err := seal.Interrupted(filepath.Join(dir, "sealed")); err == nil && (c.Version != 2 || len(c.Wraps) != 1 || string(c.Wraps[0].Blob) != "new keyset") {
			t.Errorf("step %d: what can be resumed is %+v", step, c)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("step %d: %v", step, err)
		}
		if err := sealNew(t, dir, nil); err != nil {
			t.Fatalf("step %d: resumed: %v", step, err)
		}
		if v := version(t, filepath.Join(dir, "sealed")); v != "new" {
			t.Errorf("step %d: after the next call it is the %s version", step, v)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("step %d: left %q", step, got)
		}
		if got := strings.Join(names(t, filepath.Join(dir, "sealed")), " "); got != "blobs seal.json seal.keys seal.mac" {
			t.Errorf("step %d: the directory holds %s", step, got)
		}
		if finished {
			break
		}
	}
	if seen["old"] < 10 || seen["new"] < 2 {
		t.Errorf("stopped with %v: the steps prove nothing", seen)
	}
}

// A file system that fails at any step.
func TestDirFailsAtEveryStep(t *testing.T) {
	needsExchange(t)
	fault := errors.New("disk on fire")
	everyStep(t, func(t *testing.T, dir string, step int) bool {
		var n atomic.Int64 // files are sealed side by side
		err := sealNew(t, dir, func(string) error {
			if n.Add(1) > int64(step) {
				return fault
			}
			return nil
		})
		if n := int(n.Load()); n > step && !errors.Is(err, fault) || n <= step && err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		return err == nil
	})
}

// A call that goes on where another one stopped, and is stopped too: what the first one did is there for the third.
func TestResumeFailsAtEveryStep(t *testing.T) {
	needsExchange(t)
	fault := errors.New("disk full")
	stopAt := func(name string) func(string) error {
		return func(step string) error {
			if step == name {
				return fault
			}
			return nil
		}
	}
	var steps []string
	everyStep(t, func(t *testing.T, dir string, step int) bool {
		if err := sealNew(t, dir, stopAt("write seal.mac")); !errors.Is(err, fault) {
			t.Fatal(err)
		}
		var n atomic.Int64
		err := sealNew(t, dir, func(name string) error {
			if n.Add(1) > int64(step) {
				steps = append(steps, name)
				return fault
			}
			return nil
		})
		if err != nil && !errors.Is(err, fault) {
			t.Fatalf("step %d: %v", step, err)
		}
		if c, err := seal.Interrupted(filepath.Join(dir, "sealed")); err == nil && (len(c.Wraps) != 1 || string(c.Wraps[0].Blob) != "new keyset") {
			t.Errorf("step %d: the wrapped keyset is gone: %+v", step, c.Wraps)
		}
		return err == nil
	})
	if !slices.Contains(steps, "write seal.keys/ops.json") {
		t.Errorf("stopped before %q", steps)
	}
}

// A call under another keyset than the one that stopped, and stopped too: what is left says one thing of itself. The next one finds its
// keyset by it.
func TestResumeUnderAnotherKeyset(t *testing.T) {
	fault := errors.New("stop")
	call := func(dst, key string, hook func(string) error) error {
		h := crashKey(t, key)
		c, err := seal.Commitment(h)
		if err != nil {
			t.Fatal(err)
		}
		o := seal.Options{Name: "m", Resume: true, Workers: 1, Wraps: []seal.Wrapper{
			wrapFunc(func() (seal.Wrapped, error) { return seal.Wrapped{ID: "ops", Blob: c[:]}, nil }),
		}}
		_, err = seal.Dir(t.Context(), dst, crashModel("x"), h, seal.WithHook(o, hook))
		return err
	}
	for step := 0; ; step++ {
		dst := filepath.Join(t.TempDir(), "sealed")
		if err := call(dst, "first", func(name string) error {
			if name == "create seal.mac" {
				return fault
			}
			return nil
		}); !errors.Is(err, fault) {
			t.Fatal(err)
		}
		n := 0
		err := call(dst, "second", func(string) error {
			if n++; n > step {
				return fault
			}
			return nil
		})
		if err == nil {
			break
		}
		if !errors.Is(err, fault) {
			t.Fatalf("step %d: %v", step, err)
		}
		if _, err := os.Stat(dst); err == nil { // it stopped after the end
			break
		}
		c, err := seal.Interrupted(dst)
		if err == nil && (len(c.Wraps) != 1 || !bytes.Equal(c.Wraps[0].Blob, c.Commitment[:])) {
			t.Errorf("step %d: the wrapped keyset is not of the commitment", step)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("step %d: %v", step, err)
		}
		if err := call(dst, "third", nil); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
		if err := readEverything(t, dirFS(t, dst), crashKey(t, "third")); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
	}
}

// A process that is killed at any step.
func TestDirKilledAtEveryStep(t *testing.T) {
	needsExchange(t)
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	everyStep(t, func(t *testing.T, dir string, step int) bool {
		cmd := exec.Command(exe, "-test.run=^TestKilledChild$")
		cmd.Env = append(os.Environ(), killDir+"="+dir, fmt.Sprintf("%s=%d", killStep, step))
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState.Exited() {
			t.Fatalf("step %d: %v\n%s", step, err, out)
		}
		return err == nil
	})
}

func TestKilledChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("run by TestDirKilledAtEveryStep")
	}
	steps, err := strconv.ParseInt(os.Getenv(killStep), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := sealNew(t, dir, func(string) error {
		if n.Add(1) > steps {
			if err := self.Kill(); err != nil {
				return err
			}
			select {} // until the signal is here
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A resumed call keeps the blobs that are done, and only these: not one that was altered, nor one whose source has changed,
// nor a wrapped keyset that is not asked for any more.
func TestResumeKeepsWhatIsDone(t *testing.T) {
	h := crashKey(t, "k")
	dst := filepath.Join(t.TempDir(), "sealed")
	src := fstest.MapFS{}
	for _, name := range []string{"a", "b", "c", "d"} {
		src[name] = &fstest.MapFile{Data: pattern(name, 20_000)}
	}
	wrap := func(id string) seal.Wrapper {
		return wrapFunc(func() (seal.Wrapped, error) { return seal.Wrapped{ID: id, Blob: []byte("x")}, nil })
	}
	fault := errors.New("stop")
	o := seal.Options{Name: "m", Resume: true, Workers: 1, Wraps: []seal.Wrapper{wrap("one"), wrap("two")}}
	_, err := seal.Dir(t.Context(), dst, src, h, seal.WithHook(o, func(step string) error {
		if step == "create seal.json" {
			return fault
		}
		return nil
	}))
	if !errors.Is(err, fault) {
		t.Fatal(err)
	}
	partial := seal.PartialName(dst)
	before := map[string][]byte{}
	for i, name := range []string{"a", "b", "c", "d"} {
		b, err := os.ReadFile(filepath.Join(partial, "blobs", fmt.Sprintf("%06d", i)))
		if err != nil {
			t.Fatal(err)
		}
		before[name] = b
	}
	flip(t, filepath.Join(partial, "blobs", "000001"), 9000)                                          // b is altered
	src["c"].Data = pattern("other", 20_000)                                                          // c has changed
	copyFile(t, filepath.Join(partial, "blobs", "000003"), filepath.Join(partial, "blobs", "000000")) // d is another path's
	if err := os.WriteFile(filepath.Join(partial, "blobs", "stale"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Wraps = o.Wraps[:1]
	if _, err := seal.Dir(t.Context(), dst, src, h, o); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a", "b", "c", "d"} {
		after, err := os.ReadFile(filepath.Join(dst, "blobs", fmt.Sprintf("%06d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if kept := bytes.Equal(after, before[name]); kept != (name == "a") {
			t.Errorf("%s: kept %v", name, kept)
		}
		if name != "a" && bytes.Equal(after[:40], before[name][:40]) {
			t.Errorf("%s: sealed again under the same header", name)
		}
	}
	if err := readEverything(t, dirFS(t, dst), h); err != nil {
		t.Error(err)
	}
	if got := strings.Join(names(t, filepath.Join(dst, "blobs")), " "); got != "000000 000001 000002 000003" {
		t.Errorf("blobs %s", got)
	}
	if got := strings.Join(names(t, filepath.Join(dst, "seal.keys")), " "); got != "one.json" {
		t.Errorf("wrapped keysets %s", got)
	}
}

// A directory that is being resumed has one writer, and only a directory of ours is resumed or replaced.
func TestResumeRefuses(t *testing.T) {
	h := newKeyset(t, 4096)
	dst := filepath.Join(t.TempDir(), "sealed")
	o := seal.Options{Name: "m", Resume: true}
	inner := errors.New("not asked")
	_, err := seal.Dir(t.Context(), dst, crashModel("x"), h, seal.WithHook(o, func(step string) error {
		if step == "create seal.json" {
			_, inner = seal.Dir(t.Context(), dst, crashModel("y"), h, o)
		}
		return nil
	}))
	if err != nil || inner == nil && runtime.GOOS == "linux" {
		t.Errorf("two writers: %v, %v", err, inner)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.CopyFS(plain, crashModel("x")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{plain, file} {
		if _, err := seal.Dir(t.Context(), dst, crashModel("x"), h, seal.Options{Name: "m", Replace: true}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("replacing %s: %v", dst, err)
		}
	}
	if runtime.GOOS == "linux" || runtime.GOOS == "darwin" { // a directory that takes the old one's place at the last moment
		_, err := seal.Dir(t.Context(), dst, crashModel("z"), h, seal.WithHook(seal.Options{Name: "m", Replace: true}, func(step string) error {
			if step != "publish" {
				return nil
			}
			return errors.Join(os.RemoveAll(dst), os.CopyFS(dst, crashModel("x")))
		}))
		if !errors.Is(err, fs.ErrExist) || strings.Join(names(t, dst), " ") != "a config.json" {
			t.Errorf("it was replaced: %v, %v", err, names(t, dst))
		}
	}
	foreign := filepath.Join(t.TempDir(), "d")
	precious := filepath.Join(seal.PartialName(foreign), "precious")
	if err := errors.Join(os.Mkdir(seal.PartialName(foreign), 0o755), os.WriteFile(precious, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Dir(t.Context(), foreign, crashModel("y"), h, o); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a directory that is not ours was resumed: %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("and emptied: %v", err)
	}
	link := filepath.Join(t.TempDir(), "d")
	if err := os.Symlink(plain, seal.PartialName(link)); err != nil {
		t.Skip(err)
	}
	if _, err := seal.Dir(t.Context(), link, crashModel("y"), h, o); err == nil {
		t.Error("resumed through a link")
	}
	if got := strings.Join(names(t, plain), " "); got != "a config.json" {
		t.Errorf("the link's target holds %s", got)
	}
}

// A directory is resealed in place under a new keyset; the old one opens it no more.
func TestReseal(t *testing.T) {
	needsExchange(t)
	before, after := newKeyset(t, 4096), newKeyset(t, 64<<10)
	dir, _ := sealModel(t, before, model(), seal.Options{})
	f, err := seal.OpenFS(t.Context(), dirFS(t, dir), fixed(before))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := seal.Reseal(t.Context(), dir, f, before, seal.Options{Replace: true}); !errors.Is(err, seal.ErrKeyset) {
		t.Errorf("under the same keyset: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := seal.Reseal(ctx, dir, f, after, seal.Options{Replace: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := readEverything(t, dirFS(t, dir), before); err != nil {
		t.Errorf("after a cancelled call: %v", err)
	}
	info, err := seal.Reseal(t.Context(), dir, f, after, seal.Options{Replace: true, HideNames: true})
	if err != nil || info.Name != "tiny" || info.Version != 7 {
		t.Fatal(info, err)
	}
	if err := readEverything(t, dirFS(t, dir), before); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("under the old keyset: %v", err)
	}
	again, err := seal.OpenFS(t.Context(), dirFS(t, dir), fixed(after))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	third := filepath.Join(t.TempDir(), "third")
	if _, err := seal.Reseal(t.Context(), third, again, newKeyset(t, 4096), seal.Options{}); err != nil {
		t.Fatal(err)
	}
	if c, err := seal.Inspect(dirFS(t, third)); err != nil || !c.Hidden {
		t.Errorf("resealed without being asked to hide names: they show, %v", err)
	}
	for name, file := range model() {
		if got, err := fs.ReadFile(again, name); err != nil || !bytes.Equal(got, file.Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
