package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// teeDevices are the ways to a machine's evidence that are known, and the trusted modules that quote for it.
var teeDevices = [...]string{
	"/dev/sev", "/dev/sev-guest", "/dev/tdx_guest", "/dev/tdx-guest", "/dev/tdx-attest", "/dev/nsm",
	"/dev/tpm0", "/dev/tpmrm0", "/dev/vtpmx", "/dev/sgx_enclave", "/dev/sgx_provision", "/dev/sgx_vepc",
	"/sys/kernel/config", "/sys/kernel/security", // configfs-tsm, and the event logs and secrets of the guest
}

// teeSockets are the sockets of agents that give evidence to whoever connects.
var teeSockets = [...]string{
	"/run/confidential-containers/attestation-agent/attestation-agent.sock", "/run/confidential-containers/cdh.sock",
	"/run/tpm2-abrmd.sock",
}

// What dynamic linkers, C libraries and language runtimes look at.
var (
	defaultRead = [...]string{
		"/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/opt", "/proc", "/sys/devices/system",
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts",
		"/etc/localtime", "/etc/alternatives",
	}
	defaultDevices = [...]string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
)

// Rights of Landlock by kind of grant. A file knows only those in fileRights.
const (
	readRights   = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	modelRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR // data: never run
	deviceRights = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	writeRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
	fileRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	nodeRights = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK // handled and never granted
)

// signalErratum is the second entry of the kernel's list of Landlock errata: scoped signals within one process.
const signalErratum = 1 << 1

// A pathGrant is one path with what may be done below it.
type pathGrant struct {
	path     string // without symbolic links
	rights   uint64
	optional bool // by default, and absent on some systems
}

// grants resolves everything that the engine may open, and refuses grants that would undo others.
func (e *Engine) grants() ([]pathGrant, error) {
	var out []pathGrant
	add := func(paths []string, rights uint64, optional bool) error {
		for _, p := range paths {
			real, err := filepath.EvalSymlinks(p)
			if optional && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%w: granted path: %w", ErrConfig, err)
			}
			out = append(out, pathGrant{real, rights, optional})
		}
		return nil
	}
	models := make([]string, len(e.Dirs))
	for i, d := range e.Dirs {
		models[i] = d.Path()
	}
	err := errors.Join(
		add(defaultRead[:], readRights, true),
		add(defaultDevices[:], deviceRights, true),
		add([]string{e.Path}, readRights, false),
		add(e.Read, readRights, false),
		add(models, modelRights, false),
		add(e.Devices, deviceRights, false),
		add(e.Write, writeRights, false),
	)
	if err != nil {
		return nil, err
	}
	return out, e.checkGrants(out, models)
}

func (e *Engine) checkGrants(grants []pathGrant, models []string) error {
	for _, g := range grants {
		for _, tee := range teeDevices {
			if e.InsecureWithout&NoTEEDevices == 0 && (covers(g.path, tee) || covers(tee, g.path)) {
				return fmt.Errorf("%w: %s would give the engine %s", ErrConfig, g.path, tee)
			}
		}
		for _, m := range models {
			if g.rights&unix.LANDLOCK_ACCESS_FS_WRITE_FILE != 0 && covers(g.path, m) {
				return fmt.Errorf("%w: %s would let the engine write to its model", ErrConfig, g.path)
			}
		}
	}
	return nil
}

// covers reports whether p lies at or below dir. Both are clean.
func covers(dir, p string) bool {
	return dir == "/" || p == dir || strings.HasPrefix(p, dir+"/")
}

// outOfReach reports whether the modes of all these keep u from them.
func outOfReach(u User, root string, paths []string) bool {
	for _, tee := range paths {
		fi, err := os.Stat(filepath.Join(root, tee))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || reachable(u, fi) {
			return false
		}
	}
	return true
}

// reachable reports whether the mode of a device lets a user read or write it, or that of a directory lets them make an entry,
// which is how configfs is asked for evidence.
func reachable(u User, fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := uint32(fi.Mode().Perm())
	bits := mode & 7
	switch {
	case st.Uid == u.UID:
		bits |= mode >> 6 & 7 // its owner can change the mode
		return bits != 0
	case st.Gid == u.GID || slices.Contains(u.Groups, st.Gid):
		bits |= mode >> 3 & 7
	}
	if fi.IsDir() {
		return bits&2 != 0
	}
	return bits&6 != 0
}

// ruleset makes a Landlock ruleset of the grants, with what the kernel's version knows.
func ruleset(version int, grants []pathGrant, n Network) (int, error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: readRights | writeRights | nodeRights | deviceRights}
	if version < 2 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version < 3 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version < 5 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 4 && !n.InsecureAll {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		// Before this repair the scope cut off the thread that starts the program from the other threads of its own process,
		// whom Go's scheduler signals.
		if landlockErrata()&signalErratum != 0 {
			attr.Scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
	}
	fd, err := landlockCreate(&attr)
	if err != nil {
		return -1, err
	}
	for _, g := range grants {
		if err := allow(fd, g, attr.Handled_access_fs); err != nil {
			return -1, errors.Join(err, unix.Close(fd))
		}
	}
	for _, port := range n.Listen {
		if attr.Handled_access_net == 0 {
			break
		}
		if err := landlockAddPort(fd, unix.LANDLOCK_ACCESS_NET_BIND_TCP, port); err != nil {
			return -1, errors.Join(err, unix.Close(fd))
		}
	}
	return fd, nil
}

// openGrant opens a path that was resolved and checked before. A symbolic link in it was put there since, by whoever may write
// there, and would lead the grant elsewhere. Every kernel with Landlock has openat2.
func openGrant(path string) (int, error) {
	return unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS})
}

func allow(ruleset int, g pathGrant, handled uint64) error {
	fd, err := openGrant(g.path)
	if err != nil {
		return fmt.Errorf("memory: grant %s: %w", g.path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("memory: grant %s: %w", g.path, err)
	}
	rights := g.rights & handled
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	if err := landlockAddPath(ruleset, rights, fd); err != nil {
		return fmt.Errorf("memory: grant %s: %w", g.path, err)
	}
	return nil
}
