// Package attesttest is a whole hardware vendor in memory: root, intermediate and chip keys, and a device that signs
// reports in the layout of SEV-SNP, so that every check of package snp runs for real.
//
// It proves nothing about any machine. Its evidence has the kind "simulated", its certificates say INSECURE SIMULATED, its
// roots are made anew by each [NewVendor], [snp.Verifier] refuses it under AMD's roots, and every [attest.Policy] refuses it
// that does not say InsecureAcceptSimulated.
package attesttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"math/big"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/snp"
)

// A Vendor is a simulated vendor with one root of its own. Safe for concurrent use.
type Vendor struct {
	ark, ask       *ecdsa.PrivateKey
	arkDER, askDER []byte
	askCert        *x509.Certificate
	root           snp.Root
}

const warning = "INSECURE SIMULATED: proves nothing"

// NewVendor makes a vendor with fresh keys. It sells Genoa only.
func NewVendor() (*Vendor, error) {
	v := &Vendor{}
	var err error
	if v.ark, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		return nil, err
	}
	if v.ask, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		return nil, err
	}
	ark := authority("INSECURE SIMULATED ARK-"+string(product), 1)
	if v.arkDER, err = x509.CreateCertificate(rand.Reader, ark, ark, v.ark.Public(), v.ark); err != nil {
		return nil, err
	}
	arkCert, err := x509.ParseCertificate(v.arkDER)
	if err != nil {
		return nil, err
	}
	v.root = snp.Root{Product: product, SPKI: sha256.Sum256(arkCert.RawSubjectPublicKeyInfo)}
	ask := authority("SEV-"+string(product), 2) // the name that package snp asks for; the organisation says what it is
	if v.askDER, err = x509.CreateCertificate(rand.Reader, ask, arkCert, v.ask.Public(), v.ark); err != nil {
		return nil, err
	}
	v.askCert, err = x509.ParseCertificate(v.askDER)
	return v, err
}

const product = snp.Genoa

// valid is the window of all simulated certificates: wide, since tests set clocks.
func valid(c *x509.Certificate) *x509.Certificate {
	c.NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	c.NotAfter = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
	return c
}

func name(cn string) pkix.Name {
	return pkix.Name{CommonName: cn, Organization: []string{warning}}
}

func authority(cn string, serial int64) *x509.Certificate {
	return valid(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: name(cn), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
}

// Verifier returns a verifier of this vendor's evidence under a policy. Its results are marked as simulated.
func (v *Vendor) Verifier(p snp.Policy) *snp.Verifier {
	return &snp.Verifier{Policy: p, InsecureRoots: []snp.Root{v.root}}
}

// Options describe a simulated machine and guest. The zero value is an up-to-date machine with an all-zero measurement.
type Options struct {
	Measurement [48]byte
	HostData    [32]byte
	TCB         *snp.TCB // reported, committed and launch; default [snp.Floors]
	Debug       bool     // the host may debug the guest
	Migration   bool     // a migration agent may move it
	SMT         bool     // allowed and on
	NoAliases   bool     // memory was not checked for aliases
	VMPL        uint32
	GuestSVN    uint32
	// Edit, if not nil, changes the report before it is signed. Certificates are of the unedited one.
	Edit func(report []byte)
}

// Policy returns the strictest policy that accepts the machine.
func (o Options) Policy() snp.Policy {
	return snp.Policy{
		Products: []snp.Product{product}, Measurements: [][48]byte{o.Measurement}, MinTCB: map[snp.Product]snp.TCB{product: o.tcb()},
		VMPL: o.VMPL, MinGuestSVN: o.GuestSVN, RefuseSMT: !o.SMT,
		InsecureAllowDebug: o.Debug, InsecureAllowMigration: o.Migration, InsecureAllowUncheckedAliases: o.NoAliases,
	}
}

func (o Options) tcb() snp.TCB {
	if o.TCB != nil {
		return *o.TCB
	}
	return snp.Floors()[product]
}

// A Device is one simulated machine. Safe for concurrent use.
type Device struct {
	o      Options
	key    *ecdsa.PrivateKey
	chipID [64]byte
	certs  [][]byte
}

var _ attest.Device = (*Device)(nil)

// Device makes a machine with a chip key of its own.
func (v *Vendor) Device(o Options) (*Device, error) {
	d := &Device{o: o}
	if _, err := rand.Read(d.chipID[:]); err != nil {
		return nil, err
	}
	var err error
	if d.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		return nil, err
	}
	leaf, err := d.vcek(v)
	if err != nil {
		return nil, err
	}
	d.certs = [][]byte{leaf, v.askDER, v.arkDER}
	return d, nil
}

func (d *Device) vcek(v *Vendor) ([]byte, error) {
	t := d.o.tcb()
	c := valid(&x509.Certificate{SerialNumber: big.NewInt(3), Subject: name("SEV-VCEK")})
	c.ExtraExtensions = []pkix.Extension{{Id: oid(4), Value: d.chipID[:]}}
	add := func(v any, params string, id ...int) error {
		b, err := asn1.MarshalWithParams(v, params)
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oid(id...), Value: b})
		return err
	}
	if err := add(string(product), "ia5", 2); err != nil {
		return nil, err
	}
	for id, level := range map[int]uint8{1: t.Bootloader, 2: t.TEE, 3: t.SNP, 8: t.Microcode} {
		if err := add(int(level), "", 3, id); err != nil {
			return nil, err
		}
	}
	return x509.CreateCertificate(rand.Reader, c, v.askCert, d.key.Public(), v.ask)
}

// oid is under AMD's arc for report keys, 1.3.6.1.4.1.3704.1.
func oid(id ...int) asn1.ObjectIdentifier {
	return append(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 3704, 1}, id...)
}

// ChipID returns the simulated CHIP_ID.
func (d *Device) ChipID() [64]byte { return d.chipID }

// Evidence signs a report over reportData with the simulated chip key.
func (d *Device) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	b := d.report(reportData)
	if d.o.Edit != nil {
		d.o.Edit(b)
	}
	digest := sha512.Sum384(b[:snp.SignedSize])
	der, err := d.key.Sign(rand.Reader, digest[:], nil)
	if err != nil {
		return attest.Evidence{}, err
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) != 0 {
		return attest.Evidence{}, fmt.Errorf("attesttest: signature: %w", err)
	}
	putLittleEndian(b[snp.SignedSize:], sig.R)
	putLittleEndian(b[snp.SignedSize+72:], sig.S)
	return attest.Evidence{Kind: attest.KindSimulated, Report: b, Certs: d.certs}, nil
}

// report writes an unsigned version 3 report of a Genoa.
func (d *Device) report(reportData [64]byte) []byte {
	b := make([]byte, snp.ReportSize)
	le, o := binary.LittleEndian, d.o
	policy, platform := uint64(0x1f|1<<17), uint64(0) // ABI 0.31, bit 17 is one
	for _, f := range []struct {
		on               bool
		policy, platform uint64
	}{{o.Debug, snp.PolicyDebug, 0}, {o.Migration, snp.PolicyMigrateMA, 0}, {o.SMT, snp.PolicySMT, snp.PlatformSMT}, {!o.NoAliases, 0, snp.PlatformAliasCheck}} {
		if f.on {
			policy, platform = policy|f.policy, platform|f.platform
		}
	}
	le.PutUint32(b, 3)
	le.PutUint32(b[4:], o.GuestSVN)
	le.PutUint64(b[8:], policy)
	le.PutUint32(b[0x30:], o.VMPL)
	le.PutUint32(b[0x34:], 1)
	le.PutUint64(b[0x40:], platform)
	copy(b[0x50:], reportData[:])
	copy(b[0x90:], o.Measurement[:])
	copy(b[0xC0:], o.HostData[:])
	for _, off := range []int{0x38, 0x180, 0x1E0, 0x1F0} {
		le.PutUint64(b[off:], product.Raw(o.tcb()))
	}
	b[0x188], b[0x189] = 0x19, 0x11
	copy(b[0x1A0:], d.chipID[:])
	return b
}

func putLittleEndian(dst []byte, v *big.Int) {
	var be [48]byte
	v.FillBytes(be[:])
	for i, x := range be {
		dst[len(be)-1-i] = x
	}
}
