package memory

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// hugeSize is the least and by far the most common size of a huge page on processors with 4 KiB pages. Where they are
// larger the alignment is not enough for the advice to help, and nothing breaks.
const hugeSize = 2 << 20

func newRegion(size int, o Options) (*Region, error) {
	r := &Region{facts: Facts{OffHeap: true, NoDump: true}, free: func() error { return nil }}
	if size == 0 {
		return r, nil
	}
	whole, err := r.mapPages(size, o.Huge)
	if err != nil {
		return nil, err
	}
	r.free = func() error { return unix.Munmap(whole) }
	if err := r.protect(whole, o.Lock); err != nil {
		return nil, errors.Join(err, r.free())
	}
	return r, nil
}

// mapPages sets r.data and returns the mapping that it lies in.
func (r *Region) mapPages(size int, huge Need) ([]byte, error) {
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	if huge != Off {
		// A pool that is too small refuses the mapping, not the first write to it.
		if whole, err := unix.Mmap(-1, 0, roundUp(size, hugeSize), prot, flags|unix.MAP_HUGETLB|unix.MAP_HUGE_2MB); err == nil {
			r.data, r.facts.Huge, r.facts.Reserved = whole[:size:size], true, true
			return whole, nil
		}
	}
	room := roundUp(size, os.Getpagesize())
	if huge != Off {
		room = roundUp(size, hugeSize) + hugeSize
	}
	whole, err := unix.Mmap(-1, 0, room, prot, flags)
	if err != nil {
		return nil, fmt.Errorf("memory: map: %w", err)
	}
	if huge == Off {
		r.data = whole[:size:size]
		return whole, nil
	}
	start := align(whole, hugeSize)
	r.data = whole[start : start+size : start+size]
	err = advised()
	if err == nil {
		err = unix.Madvise(whole, unix.MADV_HUGEPAGE)
	}
	r.facts.Huge = err == nil
	if err := optional(huge, "huge pages", err); err != nil {
		return nil, errors.Join(err, unix.Munmap(whole))
	}
	return whole, nil
}

// advised asks whether the kernel follows the advice: it accepts it also where an administrator turned huge pages off.
func advised() error {
	b, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err == nil && bytes.Contains(b, []byte("[never]")) {
		err = errors.New("turned off by the administrator")
	}
	return err
}

func (r *Region) protect(whole []byte, lock Need) error {
	if err := unix.Madvise(whole, unix.MADV_DONTDUMP); err != nil {
		return fmt.Errorf("memory: exclude from core dumps: %w", err)
	}
	if lock == Off {
		return nil
	}
	err := unix.Mlock(r.data)
	r.facts.Locked = err == nil
	return optional(lock, "lock "+strconv.Itoa(len(r.data))+" bytes", err)
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
