package memory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDir(t *testing.T) {
	d := published(t, DirOptions{})
	for _, name := range []string{"config.json", "shards/a.safetensors"} {
		p := filepath.Join(d.Path(), name)
		if b, err := os.ReadFile(p); err != nil || string(b) != weights {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if fi, err := os.Stat(p); err != nil || fi.Mode() != 0o400 {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	if fi, err := os.Stat(d.base); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if err := d.Write("late", 1, filled("x")); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
	if _, err := d.Publish(); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
	path := d.Path()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Stat(d.base); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := d.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if d.Path() != "" || !errors.Is(d.Write("x", 1, filled("x")), os.ErrClosed) {
		t.Error("in use after Close")
	}
}

// TestDirMount takes a tmpfs of its own where that is allowed.
func TestDirMount(t *testing.T) {
	for _, parent := range []string{"", t.TempDir()} {
		d, err := NewDir(DirOptions{Parent: parent, Mount: Require, Size: 8 << 20})
		if errors.Is(err, ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if !d.Facts().Mounted || !mounted(d.base, filepath.Join(d.base, mountName)) {
			t.Errorf("%+v", d.Facts())
		}
		if err := d.Write("a/b", int64(len(weights)), filled(weights)); err != nil {
			t.Fatal(err)
		}
		if err := d.Write("too big", 16<<20, filled("x")); err == nil {
			t.Error("more than its size was written")
		}
		at := filepath.Join(d.base, mountName)
		table, err := os.ReadFile("/proc/self/mounts")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			if f := strings.Fields(line); f[1] == at {
				for _, o := range []string{"nosuid", "nodev", "noexec", "size=8192k", "mode=700"} {
					if !strings.Contains(f[3], o) {
						t.Errorf("no %s in %s", o, f[3])
					}
				}
				if d.Facts().NoSwap != strings.Contains(f[3], "noswap") {
					t.Errorf("%+v and %s", d.Facts(), f[3])
				}
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if mounted(filepath.Dir(d.base), d.base) {
			t.Error("still mounted")
		}
	}
}

// TestDirNeverOnDisk refuses a parent on a disk where no tmpfs can be mounted, or was not asked for.
func TestDirNeverOnDisk(t *testing.T) {
	parent, err := os.MkdirTemp("/var/tmp", "holdfast-test-")
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(parent)
	if inMemory(parent) {
		t.Skip("/var/tmp is in memory")
	}
	if d, err := NewDir(DirOptions{Parent: parent}); !errors.Is(err, ErrUnsupported) {
		t.Fatal(d, err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := NewDir(DirOptions{Parent: filepath.Join(parent, "absent")}); err == nil {
		t.Error("an absent parent")
	}
}

// TestDirIsWhole publishes nothing after a file that failed, in whatever way.
func TestDirIsWhole(t *testing.T) {
	broken := errors.New("broken")
	for name, fail := range map[string]func(d *Dir) error{
		"fill":      func(d *Dir) error { return d.Write("b", 10, func(b []byte) error { copy(b, "secret"); return broken }) },
		"twice":     func(d *Dir) error { return d.Write("a", 1, filled("x")) },
		"below":     func(d *Dir) error { return d.Write("a/b", 1, filled("x")) },
		"escape":    func(d *Dir) error { return d.Write("../x", 1, filled("x")) },
		"absolute":  func(d *Dir) error { return d.Write("/x", 1, filled("x")) },
		"itself":    func(d *Dir) error { return d.Write(".", 1, filled("x")) },
		"empty":     func(d *Dir) error { return d.Write("", 1, filled("x")) },
		"zero byte": func(d *Dir) error { return d.Write("x\x00y", 1, filled("x")) },
		"too large": func(d *Dir) error { return d.Write("big", 1<<60, filled("x")) },
		"panic": func(d *Dir) (err error) {
			defer func() { err = fmt.Errorf("%v", recover()) }()
			return d.Write("p", 10, func([]byte) error { panic("in fill") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := NewDir(DirOptions{})
			if errors.Is(err, ErrUnsupported) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if err := d.Write("a", 1, filled("x")); err != nil {
				t.Fatal(err)
			}
			if err := fail(d); err == nil {
				t.Fatal("accepted")
			}
			if p, err := d.Publish(); p != "" || !errors.Is(err, ErrConfig) {
				t.Errorf("published %q, %v", p, err)
			}
			if d.Path() != "" {
				t.Error("it has a path")
			}
		})
	}
}

// TestDirAppearsAtOnce looks for the path while it is written: nobody sees a part of it.
func TestDirAppearsAtOnce(t *testing.T) {
	d, err := NewDir(DirOptions{})
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const files = 40
	stop, seen := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { seen <- n }()
		for {
			if entries, err := os.ReadDir(d.path()); err == nil {
				n = len(entries)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	var wg sync.WaitGroup
	for i := range files {
		wg.Go(func() {
			if err := d.Write(fmt.Sprint(i), 100, filled(weights)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := d.Publish(); err != nil {
		t.Fatal(err)
	}
	close(stop)
	if n := <-seen; n != files && n != 0 {
		t.Errorf("%d files of %d were seen", n, files)
	}
}

// TestDirIsOverwritten keeps a file open past its end.
func TestDirIsOverwritten(t *testing.T) {
	d := published(t, DirOptions{})
	f, err := os.Open(filepath.Join(d.Path(), "shards/a.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mapping, err := unix.Mmap(int(f.Fd()), 0, len(weights), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapping)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	zeros := string(make([]byte, len(weights)))
	if b, err := io.ReadAll(f); err != nil || string(b) != zeros || string(mapping) != zeros {
		t.Errorf("still there: %q, %q, %v", b, mapping, err)
	}
}

// TestDirSweep removes what a killed process left, and nothing else.
func TestDirSweep(t *testing.T) {
	parent, err := os.MkdirTemp("/dev/shm", "test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { // after the directories in it were closed
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	if !inMemory(parent) {
		t.Skip("/dev/shm is not in memory")
	}
	living := published(t, DirOptions{Parent: parent})
	cmd := exec.Command(probeProgram(t), "sweepable:"+parent)
	cmd.Env = []string{probeEnv}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	left, err := filepath.Glob(parent + "/" + dirPrefix + "*/fs/model/sub/weights")
	if err != nil || len(left) != 1 {
		t.Fatal(left, err)
	}
	dead, err := os.Open(left[0])
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	foreign := filepath.Join(parent, dirPrefix+"foreign") // such as anyone may make in /dev/shm: entered by others
	if err := errors.Join(os.Mkdir(foreign, 0o755), os.Chmod(foreign, 0o755)); err != nil {
		t.Fatal(err)
	}
	named, numbered := filepath.Join(parent, dirPrefix+"models"), filepath.Join(parent, dirPrefix+"2026") // made by this user for other ends
	for _, p := range []string{named, numbered} {
		if err := errors.Join(os.Mkdir(p, 0o700), os.WriteFile(filepath.Join(p, "notes"), []byte("kept"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(foreign, filepath.Join(parent, dirPrefix+"link")); err != nil {
		t.Fatal(err)
	}
	published(t, DirOptions{Parent: parent})
	if b, err := io.ReadAll(dead); err != nil || string(b) != string(make([]byte, 6)) {
		t.Errorf("not overwritten: %q, %v", b, err)
	}
	if _, err := os.Stat(left[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, p := range []string{living.Path(), foreign, filepath.Join(parent, dirPrefix+"link"), filepath.Join(named, "notes"), filepath.Join(numbered, "notes")} {
		if _, err := os.Lstat(p); err != nil {
			t.Error(err)
		}
	}
}

func TestDirGrant(t *testing.T) {
	d, err := NewDir(DirOptions{})
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Grant(os.Getgid()); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
	if err := d.Write("a/b", 1, filled("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Publish(); err != nil {
		t.Fatal(err)
	}
	if err := d.Grant(os.Getgid()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"a/b": 0o440, "a": 0o550 | fs.ModeDir, ".": 0o550 | fs.ModeDir, "..": 0o710 | fs.ModeDir, "../..": 0o710 | fs.ModeDir} {
		if fi, err := os.Stat(filepath.Join(d.Path(), name)); err != nil || fi.Mode() != want {
			t.Errorf("%s: %v, want %v, %v", name, fi.Mode(), want, err)
		}
	}
}
