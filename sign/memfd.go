package sign

import (
	"context"
	"os"
	"path"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/internal/memfd"
)

var (
	// ErrNoMemfd: this system has no sealed files in memory, because it is not Linux or forbids them. [Model.ReadInto] works
	// everywhere.
	ErrNoMemfd = memfd.ErrUnsupported
	// ErrNoMemory: a file is larger than the memory that this machine has left for it.
	ErrNoMemory = memfd.ErrNoRoom
)

// maxMemfdName bounds the name that shows under /proc: memfd_create(2) takes at most 249 bytes.
const maxMemfdName = 200

// Memfd reads and verifies the whole file name, in one pass as [Model.ReadInto] does, into a file in memory that nobody can
// change any more: it is sealed against writing, growing and shrinking (memfd_create(2), F_ADD_SEALS in fcntl(2)), by this
// process too. It is for engines that want a path, as /proc/self/fd/N or by handing the descriptor to a child, and map it:
// one read, one hash, no copy. The file is opened read-only at offset 0. The caller closes it; its memory is freed with the
// last descriptor and mapping.
//
// All memory is taken before anything is read. Linux only. Errors: [ErrNoMemfd] elsewhere, [ErrNoMemory], those of ReadInto, the
// system's.
func (m *Model) Memfd(ctx context.Context, name string) (*os.File, error) {
	f, src, size, err := m.openName(name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	b, err := memfd.Create(memfdName(name), size)
	if err != nil {
		return nil, in(name, err)
	}
	defer b.Close() // clears it, unless it was sealed
	taps, err := m.taps(name, size)
	if err != nil {
		return nil, err
	}
	if err := m.verify(ctx, src, f, b.Bytes(), taps); err != nil {
		return nil, err
	}
	file, err := b.Seal()
	if err != nil {
		return nil, in(name, err)
	}
	m.release(name)
	return file, nil
}

// memfdName is the last element of a path, cut to what the system takes.
func memfdName(name string) string {
	name = path.Base(name)
	for len(name) > maxMemfdName || !utf8.ValidString(name) {
		name = name[:min(len(name)-1, maxMemfdName)]
	}
	return name
}
