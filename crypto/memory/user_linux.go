package memory

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Ranges of uids that nobody is given: what systemd's list of uids calls unused, and, for containers that map 65536 uids and
// no more, the range of its dynamic users.
const (
	unusedFirst, unusedCount   = 0x70000000, 0x10000000
	dynamicFirst, dynamicCount = 61184, 4336
)

// NewUser picks a uid, and a gid of the same number, at random from a range that is given to nobody: of 2^28 where the machine
// has them, of 4,336 in containers that map 65536. No account is made.
func NewUser() (User, error) {
	m, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return User{}, fmt.Errorf("memory: %w", err)
	}
	first, count := uint32(dynamicFirst), uint32(dynamicCount)
	if mapped(string(m), unusedFirst, unusedCount) {
		first, count = unusedFirst, unusedCount
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return User{}, fmt.Errorf("memory: %w", err)
	}
	id := first + uint32(binary.LittleEndian.Uint64(b[:])%uint64(count))
	return User{UID: id, GID: id}, nil
}

// mapped reports whether one line of a uid_map holds the whole range.
func mapped(uidMap string, first, count uint64) bool {
	for line := range strings.Lines(uidMap) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		inside, err1 := strconv.ParseUint(f[0], 10, 32)
		n, err2 := strconv.ParseUint(f[2], 10, 33)
		if err1 == nil && err2 == nil && inside <= first && first+count <= inside+n {
			return true
		}
	}
	return false
}
