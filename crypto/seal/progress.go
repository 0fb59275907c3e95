package seal

import (
	"sync"
	"time"
)

// Progress is how far a long call has come.
type Progress struct {
	Done, Total int64 // plaintext bytes
}

// meter adds up files for a progress function.
type meter struct {
	mu       sync.Mutex
	f        func(Progress)
	progress Progress
	last     time.Time
}

// progressEvery is the least time between two reports.
const progressEvery = 100 * time.Millisecond

func newMeter(f func(Progress), total int64) *meter {
	return &meter{f: f, progress: Progress{Total: total}}
}

// file returns a function that is told how many bytes of one file are done. Its calls do not overlap; those for several
// files may.
func (m *meter) file() func(done int64) {
	if m.f == nil {
		return nil
	}
	var before int64
	return func(done int64) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.progress.Done += done - before
		before = done
		if now := time.Now(); now.Sub(m.last) >= progressEvery {
			m.last = now
			m.f(m.progress)
		}
	}
}

func (m *meter) finish() {
	if m.f != nil {
		m.progress.Done = m.progress.Total
		m.f(m.progress)
	}
}
