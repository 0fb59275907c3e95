package tdx

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// A TCBStatus is Intel's word on a level of versions.
type TCBStatus string

// The statuses (Intel Provisioning Certification Service, TCB info version 3).
const (
	UpToDate                          TCBStatus = "UpToDate"
	SWHardeningNeeded                 TCBStatus = "SWHardeningNeeded"
	ConfigurationNeeded               TCBStatus = "ConfigurationNeeded"
	ConfigurationAndSWHardeningNeeded TCBStatus = "ConfigurationAndSWHardeningNeeded"
	OutOfDate                         TCBStatus = "OutOfDate"
	OutOfDateConfigurationNeeded      TCBStatus = "OutOfDateConfigurationNeeded"
	Revoked                           TCBStatus = "Revoked"
)

// with is the status of a processor with what its module or quoting enclave adds. An unknown one is none that a policy accepts.
func (s TCBStatus) with(part TCBStatus) TCBStatus {
	switch {
	case part == UpToDate || s == Revoked:
		return s
	case part == Revoked:
		return Revoked
	case part != OutOfDate:
		return part
	case s == ConfigurationNeeded || s == ConfigurationAndSWHardeningNeeded || s == OutOfDateConfigurationNeeded:
		return OutOfDateConfigurationNeeded
	}
	return OutOfDate
}

// hexBytes is a field of bytes in hex, of a size that its user checks.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// A level is one of Intel's levels, newest first.
type tcbLevel[T any] struct {
	TCB        T         `json:"tcb"`
	Status     TCBStatus `json:"tcbStatus"`
	Advisories []string  `json:"advisoryIDs"`
}

type component struct {
	SVN uint8 `json:"svn"`
}

type platformTCB struct {
	SGX    []component `json:"sgxtcbcomponents"`
	TDX    []component `json:"tdxtcbcomponents"`
	PCESVN uint16      `json:"pcesvn"`
}

type enclaveTCB struct {
	ISVSVN uint16 `json:"isvsvn"`
}

// A module is who signed a TDX module, and what it may be.
type module struct {
	ID         string                 `json:"id"`
	MRSigner   hexBytes               `json:"mrsigner"`
	Attributes hexBytes               `json:"attributes"`
	Mask       hexBytes               `json:"attributesMask"`
	Levels     []tcbLevel[enclaveTCB] `json:"tcbLevels"`
}

// issued is what each of Intel's answers says of itself.
type issued struct {
	ID      string    `json:"id"`
	Version int       `json:"version"`
	From    time.Time `json:"issueDate"`
	To      time.Time `json:"nextUpdate"`
	Number  uint32    `json:"tcbEvaluationDataNumber"`
}

// read reads an answer of one kind into in, of which i is a part.
func (i *issued) read(b []byte, in any, id string, version int) error {
	if err := json.Unmarshal(b, in); err != nil {
		return fmt.Errorf("%w: %s: %w", attest.ErrFormat, id, err)
	}
	if i.ID != id || i.Version != version || i.From.IsZero() || i.To.IsZero() {
		return fmt.Errorf("%w: %q of version %d, want %q and %d, with the time in which it is valid", attest.ErrFormat, i.ID, i.Version, id, version)
	}
	return nil
}

// tcbInfo is what Intel says of one kind of processor and of TDX modules on it.
type tcbInfo struct {
	issued
	fmspc   [6]byte
	pceID   [2]byte
	first   module // of modules 1.0
	modules []module
	levels  []tcbLevel[platformTCB]
}

func (t *tcbInfo) parse(b []byte) error {
	var in struct {
		issued
		FMSPC   hexBytes                `json:"fmspc"`
		PCEID   hexBytes                `json:"pceId"`
		TCBType int                     `json:"tcbType"`
		Module  module                  `json:"tdxModule"`
		Modules []module                `json:"tdxModuleIdentities"`
		Levels  []tcbLevel[platformTCB] `json:"tcbLevels"`
	}
	if err := in.read(b, &in, "TDX", 3); err != nil {
		return err
	}
	ok := in.TCBType == 0 && len(in.FMSPC) == 6 && len(in.PCEID) == 2 && len(in.Levels) > 0 && in.Module.sized()
	for _, m := range in.Modules {
		ok = ok && m.sized()
	}
	for _, l := range in.Levels {
		ok = ok && len(l.TCB.SGX) == 16 && len(l.TCB.TDX) == 16
	}
	if !ok {
		return fmt.Errorf("%w: TCB info: another type, or a field has not its size", attest.ErrFormat)
	}
	*t = tcbInfo{in.issued, [6]byte(in.FMSPC), [2]byte(in.PCEID), in.Module, in.Modules, in.Levels}
	return nil
}

func (m module) sized() bool {
	return len(m.MRSigner) == 48 && len(m.Attributes) == 8 && len(m.Mask) == 8
}

// qeIdentity is what Intel says of the quoting enclave.
type qeIdentity struct {
	issued
	misc, miscMask      []byte
	attributes, attMask []byte
	mrSigner            []byte
	productID           uint16
	levels              []tcbLevel[enclaveTCB]
}

func (e *qeIdentity) parse(b []byte) error {
	var in struct {
		issued
		Misc       hexBytes               `json:"miscselect"`
		MiscMask   hexBytes               `json:"miscselectMask"`
		Attributes hexBytes               `json:"attributes"`
		Mask       hexBytes               `json:"attributesMask"`
		MRSigner   hexBytes               `json:"mrsigner"`
		ProductID  uint16                 `json:"isvprodid"`
		Levels     []tcbLevel[enclaveTCB] `json:"tcbLevels"`
	}
	if err := in.read(b, &in, "TD_QE", 2); err != nil {
		return err
	}
	if len(in.Misc) != 4 || len(in.MiscMask) != 4 || len(in.Attributes) != 16 || len(in.Mask) != 16 || len(in.MRSigner) != 32 {
		return fmt.Errorf("%w: enclave identity: a field has not its size", attest.ErrFormat)
	}
	*e = qeIdentity{
		issued: in.issued, misc: in.Misc, miscMask: in.MiscMask,
		attributes: in.Attributes, attMask: in.Mask, mrSigner: in.MRSigner, productID: in.ProductID, levels: in.Levels,
	}
	return nil
}

// A verdict is Intel's word on what stands behind one quote.
type verdict struct {
	module, enclave bool // they are Intel's
	status          TCBStatus
	parts           [3]TCBStatus // of processor, module and enclave; "" where no level is reached
	advisories      []string
}

// judge holds a quote against the collateral (Intel TDX DCAP, "Determining TCB status").
func (c *Collateral) judge(q *Quote, p *pck) verdict {
	v := verdict{enclave: c.enclave.is(&q.enclave)}
	var lists [3][]string
	v.parts[0], lists[0] = reached(c.tcb.levels, func(t platformTCB) bool { return t.reached(q, p) })
	m, known := c.tcb.module(q.TCBSVN[1])
	v.module = known && m.is(q)
	v.parts[1] = UpToDate // of modules 1.0 the version is one of the processor's components
	if q.TCBSVN[1] > 0 {
		v.parts[1], lists[1] = reached(m.Levels, func(t enclaveTCB) bool { return uint16(q.TCBSVN[0]) >= t.ISVSVN })
	}
	v.parts[2], lists[2] = reached(c.enclave.levels, func(t enclaveTCB) bool { return q.enclave.version() >= t.ISVSVN })
	v.status = v.parts[0]
	for i, part := range v.parts {
		if part == "" || v.status == "" {
			v.status = ""
			break
		}
		v.status = v.status.with(part)
		v.advisories = append(v.advisories, lists[i]...)
	}
	return v
}

// reached returns the status of the first level that is reached.
func reached[T any](levels []tcbLevel[T], ok func(T) bool) (TCBStatus, []string) {
	for _, l := range levels {
		if ok(l.TCB) {
			return l.Status, l.Advisories
		}
	}
	return "", nil
}

// reached reports whether processor and module have at least these versions. From modules 1.5 on the first two components are the
// module's, which is judged by itself.
func (t platformTCB) reached(q *Quote, p *pck) bool {
	for i, c := range t.SGX {
		if p.svn[i] < c.SVN {
			return false
		}
	}
	if p.pceSVN < t.PCESVN {
		return false
	}
	for i, c := range t.TDX {
		if q.TCBSVN[i] < c.SVN && (i > 1 || q.TCBSVN[1] == 0) {
			return false
		}
	}
	return true
}

// module returns what Intel says of modules of a major version.
func (t *tcbInfo) module(major uint8) (module, bool) {
	if major == 0 {
		return t.first, true
	}
	id := fmt.Sprintf("TDX_%02X", major)
	for _, m := range t.modules {
		if strings.EqualFold(m.ID, id) {
			return m, true
		}
	}
	return module{}, false
}

func (m module) is(q *Quote) bool {
	var attributes [8]byte
	for i := range attributes {
		attributes[i] = byte(q.SeamAttributes >> (8 * i)) // as it stands in the quote
	}
	return bytes.Equal(m.MRSigner, q.MRSignerSeam[:]) && masked(attributes[:], m.Mask, m.Attributes)
}

func (e *qeIdentity) is(q *enclave) bool {
	return masked(q.miscSelect(), e.miscMask, e.misc) && masked(q.attributes(), e.attMask, e.attributes) &&
		bytes.Equal(q.mrSigner(), e.mrSigner) && q.productID() == e.productID
}

// intelModule and intelEnclave are who Intel's are, where no collateral says it: signed with Intel's keys and not debugged.
var (
	intelModule  = module{MRSigner: make([]byte, 48), Attributes: make([]byte, 8), Mask: bytes.Repeat([]byte{0xff}, 8)}
	intelEnclave = qeIdentity{
		misc: make([]byte, 4), miscMask: bytes.Repeat([]byte{0xff}, 4),
		attributes: []byte{15: 0}, attMask: []byte{0: 2, 15: 0}, // of the attributes DEBUG alone
		mrSigner: intelSigner[:], productID: 2,
	}
	intelSigner = pin("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5")
)

// masked reports whether got is want in the bits of mask.
func masked(got, mask, want []byte) bool {
	for i := range got {
		if got[i]&mask[i] != want[i]&mask[i] {
			return false
		}
	}
	return true
}
