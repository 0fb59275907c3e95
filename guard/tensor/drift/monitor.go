package drift

import (
	"fmt"
	"sync"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// A Monitor compares each window of inputs with a baseline. It is safe for concurrent use.
type Monitor struct {
	baseline *Profile
	axis     int
	size     int64
	report   func(Report)

	mu     sync.Mutex
	window *Profile
}

// NewMonitor returns a monitor that calls report after every size inputs, at least 30; report must return soon. The
// baseline must not change. See [Profile.Observe] for axis. Errors: [ErrProfile].
func NewMonitor(baseline *Profile, axis int, size int64, report func(Report)) (*Monitor, error) {
	if err := baseline.Validate(); err != nil {
		return nil, err
	}
	if size < minInputs || report == nil {
		return nil, fmt.Errorf("%w: windows of %d inputs, want at least %d, and somebody to report to", ErrProfile, size, minInputs)
	}
	w, err := NewProfile(len(baseline.Channels))
	if err != nil {
		return nil, err
	}
	m := &Monitor{baseline: baseline, axis: axis, size: size, report: report, window: w}
	if _, err := Compare(baseline, baseline); err != nil { // enough inputs
		return nil, err
	}
	return m, nil
}

// Observe adds one input. Errors: as [Profile.Observe].
func (m *Monitor) Observe(v tensor.View) error {
	r, done, err := m.observe(v)
	if done {
		m.report(r)
	}
	return err
}

func (m *Monitor) observe(v tensor.View) (r Report, done bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.window.Observe(v, m.axis); err != nil || m.window.Inputs < m.size {
		return r, false, err
	}
	if r, err = Compare(m.baseline, m.window); err != nil {
		return r, false, err
	}
	m.window, err = NewProfile(len(m.baseline.Channels))
	return r, true, err
}
