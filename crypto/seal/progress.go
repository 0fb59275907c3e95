package seal

import "time"

// Progress is how far a long call has come.
type Progress struct {
	Done, Total int64 // plaintext bytes
}

// meter adds up files for a progress function.
type meter struct {
	f        func(Progress)
	base     int64
	progress Progress
	last     time.Time
}

// progressEvery is the least time between two reports.
const progressEvery = 100 * time.Millisecond

func newMeter(f func(Progress), total int64) *meter {
	return &meter{f: f, progress: Progress{Total: total}}
}

// at reports n bytes of the file under way. Calls do not overlap.
func (m *meter) at(n int64) {
	if m.f == nil {
		return
	}
	if now := time.Now(); now.Sub(m.last) >= progressEvery {
		m.last = now
		m.progress.Done = m.base + n
		m.f(m.progress)
	}
}

func (m *meter) next(size int64) { m.base += size }

func (m *meter) finish() {
	if m.f != nil {
		m.progress.Done = m.base
		m.f(m.progress)
	}
}
