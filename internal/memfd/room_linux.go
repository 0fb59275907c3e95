package memfd

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// Room reports whether size bytes may be allocated: what /proc/meminfo calls available, and the limit of the memory group
// where its file is in the usual place. Where neither can be read it is the kernel's to refuse. What others take between
// this answer and the use of the memory is not seen.
// Errors: [ErrNoRoom].
func Room(size int64) error {
	limit := int64(math.MaxInt64)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		limit = available(b)
	}
	for _, group := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(group); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil { // else "max"
				limit = min(limit, n)
			}
		}
	}
	if size > limit {
		return fmt.Errorf("%w: %d bytes of %d", ErrNoRoom, size, limit)
	}
	return nil
}

// available reads the line MemAvailable of /proc/meminfo, in bytes. It is there since Linux 3.14.
func available(meminfo []byte) int64 {
	for lines := bufio.NewScanner(bytes.NewReader(meminfo)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) == 3 && f[0] == "MemAvailable:" {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil && n < math.MaxInt64/1024 {
				return n * 1024
			}
		}
	}
	return math.MaxInt64
}
