package keyrelease

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/internal/durable"
)

// Outcomes of a request for a release.
const (
	Released  = "released"
	Denied    = "denied"    // by the policy; Code says why
	Failed    = "failed"    // the server could not answer: device vendor, KMS, journal
	Malformed = "malformed" // not a request of this protocol
	Limited   = "limited"   // by a rate; of the requests of one address that follow each other, the first
)

// A Decision is one line of the audit log: what was asked, of what machine, and what came of it. It holds public digests,
// names and times, and no secret in any form.
//
// Model to Config are what the guest claims, and are given only where its evidence was accepted, which covers them.
type Decision struct {
	Time    time.Time `json:"time"`
	Outcome string    `json:"outcome"`
	Code    Code      `json:"code,omitempty"`
	Reason  string    `json:"reason,omitempty"` // for people, clipped
	Remote  string    `json:"remote"`           // address of the peer

	Challenge  string `json:"challenge,omitempty"` // hex
	Model      string `json:"model,omitempty"`
	Version    uint64 `json:"version,omitempty"` // by the server's own records
	Seal       string `json:"seal,omitempty"`    // hex, SHA-256 of seal.json
	Commitment string `json:"commitment,omitempty"`
	Config     string `json:"config,omitempty"`

	Machine *Machine `json:"machine,omitempty"`
}

// A Journal keeps decisions for good. Record returns once the decision is as safe as it gets; where it fails, nothing is
// released. It is called concurrently.
type Journal interface {
	Record(ctx context.Context, d Decision) error
}

// record writes a decision to both logs. Only the journal can fail.
func (s *Server) record(ctx context.Context, d Decision) error {
	level := slog.LevelWarn
	switch d.Outcome {
	case Released:
		level = slog.LevelInfo
	case Failed:
		level = slog.LevelError
	}
	s.cfg.Audit.LogAttrs(ctx, level, "keyrelease: "+d.Outcome, d.attrs()...)
	if s.cfg.Journal == nil {
		return nil
	}
	if err := s.cfg.Journal.Record(context.WithoutCancel(ctx), d); err != nil { // a peer that hangs up leaves its line
		s.cfg.Audit.ErrorContext(ctx, "keyrelease: journal", "error", clip(err.Error()))
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (d Decision) attrs() []slog.Attr {
	var out []slog.Attr
	for _, a := range []struct{ key, value string }{
		{"remote", d.Remote}, {"code", string(d.Code)}, {"reason", d.Reason}, {"challenge", d.Challenge}, {"model", d.Model},
		{"seal", d.Seal}, {"commitment", d.Commitment}, {"config", d.Config},
	} {
		if a.value != "" {
			out = append(out, slog.String(a.key, a.value))
		}
	}
	if d.Version != 0 {
		out = append(out, slog.Uint64("version", d.Version))
	}
	if m := d.Machine; m != nil {
		out = append(out, slog.Group("machine", "kind", m.Kind, "evidence", m.Evidence, "chip", m.Chip, "claims", m.Claims))
	}
	return out
}

// FileJournal appends decisions to a file, one JSON object a line. Make it with [OpenJournal]; it is safe for concurrent use.
type FileJournal struct {
	mu     sync.Mutex
	f      *os.File
	broken bool // the last line may be cut
}

var _ Journal = (*FileJournal)(nil)

// OpenJournal opens a journal, whose mode stays, or makes one that its owner alone can read. A line that a crash has cut stays, on a line of its own.
// Errors: those of the file system.
func OpenJournal(path string) (*FileJournal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keyrelease: journal: %w", err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	var last [1]byte
	if err == nil && fi.Size() > 0 {
		_, err = f.ReadAt(last[:], fi.Size()-1)
	}
	if err == nil { // a release that is durable in a file that is not would be lost with it
		err = durable.Sync(filepath.Dir(path))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("keyrelease: journal: %w", err)
	}
	return &FileJournal{f: f, broken: fi.Size() > 0 && last[0] != '\n'}, nil
}

// Record appends one line, and makes that of a release durable. Errors: those of the file system.
func (j *FileJournal) Record(_ context.Context, d Decision) error {
	line, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("keyrelease: journal: %w", err)
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken {
		line = append([]byte{'\n'}, line...)
	}
	j.broken = true
	if _, err := j.f.Write(line); err != nil {
		return fmt.Errorf("keyrelease: journal: %w", err)
	}
	j.broken = false
	if d.Outcome != Released { // a refusal that a power cut takes away has cost nothing, and syncing each would be dear
		return nil
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("keyrelease: journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *FileJournal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.f.Close()
}

// clip keeps a foreign text short in the log.
func clip(s string) string { return s[:min(len(s), maxReason)] }
