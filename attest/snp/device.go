package snp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/holdfast-ai/holdfast/attest"
)

// TSMDir is where Linux (6.7 and later) offers reports: configfs-tsm, Documentation/ABI/testing/configfs-tsm.
const TSMDir = "/sys/kernel/config/tsm/report"

// A Device reads reports from the machine through configfs-tsm. The zero value works inside a guest whose host provides
// the certificates. It has been tested against a simulated tree, not on hardware. Safe for concurrent use.
type Device struct {
	// Dir is the report directory; "" means [TSMDir].
	Dir string
	// VMPL, if not nil, is the privilege level to request.
	VMPL *uint
	// Certs completes or replaces what the host provides, in DER: ASK or ASVK, and ARK, where it provides the report key's alone;
	// report key, ASK or ASVK, and ARK, where it provides nothing, as on bare metal. See [Certificates].
	Certs [][]byte

	fs tsm // nil: the operating system's
}

var _ attest.Device = (*Device)(nil)

// tsm are the file operations that configfs-tsm takes.
type tsm interface {
	Mkdir(name string) error
	Remove(name string) error
	Write(name string, b []byte) error
	Read(name string) ([]byte, error)
}

// Evidence requests one report over reportData. Errors: [attest.ErrUnavailable] where the machine has no such device or
// another request interfered, [attest.ErrFormat] where it answers something else than a report over reportData.
func (d *Device) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	report, table, err := d.request(reportData)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("%w: configfs-tsm: %w", attest.ErrUnavailable, err)
	}
	r, err := ParseReport(report)
	if err != nil {
		return attest.Evidence{}, err
	}
	if r.ReportData != reportData {
		return attest.Evidence{}, fmt.Errorf("%w: the device reports other REPORT_DATA", attest.ErrFormat)
	}
	certs, err := Certificates(d.Certs, table)
	if err != nil {
		return attest.Evidence{}, err
	}
	return attest.Evidence{Kind: attest.KindSNP, Report: report, Certs: certs}, nil
}

func (d *Device) request(reportData [64]byte) (report, table []byte, err error) {
	f, dir := d.fs, d.Dir
	if f == nil {
		f = osTSM{}
	}
	if dir == "" {
		dir = TSMDir
	}
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, nil, err
	}
	// A directory of our own: requests of other processes cannot change its attributes by accident.
	dir = filepath.Join(dir, "holdfast-"+hex.EncodeToString(id[:]))
	if err := f.Mkdir(dir); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Remove(dir)) }()
	at := func(name string) string { return filepath.Join(dir, name) }
	if d.VMPL != nil {
		if err := f.Write(at("privlevel"), []byte(strconv.FormatUint(uint64(*d.VMPL), 10))); err != nil {
			return nil, nil, err
		}
	}
	if err := f.Write(at("inblob"), reportData[:]); err != nil {
		return nil, nil, err
	}
	provider, err := f.Read(at("provider"))
	if err != nil {
		return nil, nil, err
	}
	if p := string(bytes.TrimSpace(provider)); p != "sev_guest" {
		return nil, nil, fmt.Errorf("provider %q, want \"sev_guest\"", p)
	}
	// "generation" counts writes: if it moves between two reads, the blobs are of different requests.
	before, err := f.Read(at("generation"))
	if err != nil {
		return nil, nil, err
	}
	if report, err = f.Read(at("outblob")); err != nil {
		return nil, nil, err
	}
	if table, err = f.Read(at("auxblob")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	after, err := f.Read(at("generation"))
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(before, after) {
		return nil, nil, errors.New("another request interfered")
	}
	return report, table, nil
}

// osTSM works on the real tree.
type osTSM struct{}

func (osTSM) Mkdir(name string) error           { return os.Mkdir(name, 0o700) }
func (osTSM) Remove(name string) error          { return os.Remove(name) }
func (osTSM) Write(name string, b []byte) error { return os.WriteFile(name, b, 0o600) }
func (osTSM) Read(name string) ([]byte, error)  { return os.ReadFile(name) }
