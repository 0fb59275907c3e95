package memfd

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// allSeals is everything that makes a file constant, and the seal on the seals.
	allSeals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

	// readOnly is for every user: who holds the descriptor was handed it, perhaps under a uid of its own, and opens it again
	// as /proc/self/fd/N.
	readOnly = 0o444
)

func create(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there is no such flag
		fd, err = unix.MemfdCreate(name, flags)
	}
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("%w: memfd_create: %w", ErrUnsupported, err)
	case err != nil:
		return nil, fmt.Errorf("memfd: memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), "memfd:"+name), nil
}

// Map gives f, an empty file, size bytes of memory and maps them for writing, out of core dumps of this process. It is for
// files of memory file systems alone: a mapped file on a disk may lose pages, which kills the process.
// Errors: [ErrNoRoom], and the system's.
func Map(f *os.File, size int64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	if int64(int(size)) != size {
		return nil, fmt.Errorf("%w: %d bytes cannot be mapped", ErrNoRoom, size)
	}
	if err := Room(size); err != nil {
		return nil, err
	}
	fd := int(f.Fd())
	// A size beyond all memory is refused here, by the kernel's own accounts, before pages are taken.
	if err := unix.Ftruncate(fd, size); err != nil {
		return nil, fmt.Errorf("memfd: size: %w", err)
	}
	if err := allocate(size, func(off, n int64) error { return unix.Fallocate(fd, 0, off, n) }); err != nil {
		return nil, fmt.Errorf("memfd: allocate: %w", err)
	}
	data, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("memfd: map: %w", err)
	}
	if err := unix.Madvise(data, unix.MADV_DONTDUMP); err != nil {
		return nil, errors.Join(fmt.Errorf("memfd: exclude from core dumps: %w", err), Unmap(data))
	}
	return data, nil
}

// allocate gets memory for a file piece by piece. A signal may interrupt fallocate(2), which then gives back what it had got, and a
// profiler sends a hundred in the time that a large file takes: it would never end.
func allocate(size int64, get func(off, n int64) error) error {
	const piece = 2 << 20 // a huge page; less than a millisecond of work
	for off := int64(0); off < size; {
		n := min(piece, size-off)
		err := get(off, n)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		off += n
	}
	return nil
}

// Unmap ends a mapping of [Map]; none is harmless.
func Unmap(data []byte) error {
	if data == nil {
		return nil
	}
	return unix.Munmap(data)
}

func (b *Buffer) seal() (*os.File, error) {
	// A writable mapping is a way to write, so the kernel refuses the seal while there is one.
	if err := Unmap(b.data); err != nil {
		return nil, fmt.Errorf("memfd: unmap: %w", err)
	}
	size := len(b.data)
	b.data = nil
	f, err := b.constant(size)
	if err != nil {
		return nil, errors.Join(err, b.wipe(size))
	}
	return f, nil
}

// constant seals the file, believes the kernel only when asked again, and opens it anew: the first descriptor can write to
// nothing any more, but says that it could.
func (b *Buffer) constant(size int) (*os.File, error) {
	fd := int(b.f.Fd())
	if err := unix.Fchmod(fd, readOnly); err != nil {
		return nil, fmt.Errorf("memfd: mode: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, allSeals); err != nil {
		return nil, fmt.Errorf("memfd: seal: %w", err)
	}
	if err := Check(b.f, int64(size)); err != nil {
		return nil, err
	}
	again, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) { // no /proc
		if fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			again = os.NewFile(uintptr(fd), b.f.Name())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("memfd: open again: %w", err)
	}
	return again, nil
}

// wipe overwrites what could not be sealed and is not mapped any more. A file that is sealed can only be dropped.
func (b *Buffer) wipe(size int) error {
	data, err := unix.Mmap(int(b.f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil //nolint:nilerr // sealed already, or empty: its memory is freed with the descriptor
	}
	clear(data)
	return Unmap(data)
}

// Check reports whether f is a sealed file of size bytes, by asking the kernel: nobody can change what it holds.
func Check(f *os.File, size int64) error {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil {
		return fmt.Errorf("memfd: seals: %w", err)
	}
	if seals&allSeals != allSeals {
		return fmt.Errorf("memfd: seals are %#x, want %#x", seals, allSeals)
	}
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("memfd: %w", err)
	}
	if fi.Size() != size {
		return fmt.Errorf("memfd: sealed with %d bytes of %d", fi.Size(), size)
	}
	return nil
}
