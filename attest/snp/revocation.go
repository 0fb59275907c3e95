package snp

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// maxRevocationList bounds a list in bytes. AMD's have less than 1 KiB.
const maxRevocationList = 1 << 20

// revocation holds a verified chain of report key, intermediate and root against lists, and says whether one of them speaks
// for its root now. Lists of other roots are passed over. What a list revokes stays revoked after the list has ended.
//
// A root speaks for what it issued, which is the intermediate (RFC 5280 section 5): serials of report keys mean nothing here,
// and AMD gives the same one to all of them.
func revocation(lists, certs [][]byte, now time.Time) (current bool, err error) {
	if len(lists) == 0 {
		return false, nil
	}
	var ask, ark *x509.Certificate
	if ask, err = x509.ParseCertificate(certs[1]); err == nil {
		ark, err = x509.ParseCertificate(certs[2])
	}
	if err != nil {
		return false, fmt.Errorf("%w: certificate: %w", attest.ErrFormat, err)
	}
	for _, der := range lists {
		l, err := parseRevocationList(der)
		if err != nil {
			return false, err
		}
		if !bytes.Equal(l.RawIssuer, ark.RawSubject) {
			continue
		}
		if err := l.CheckSignatureFrom(ark); err != nil {
			return false, fmt.Errorf("%w: revocation list: does not verify under the root that it names", attest.ErrSignature)
		}
		for _, e := range l.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(ask.SerialNumber) == 0 {
				return false, fmt.Errorf("%w: the intermediate certificate is revoked", attest.ErrSignature)
			}
		}
		current = current || !now.Before(l.ThisUpdate) && !now.After(l.NextUpdate)
	}
	return current, nil
}

func parseRevocationList(der []byte) (*x509.RevocationList, error) {
	if len(der) > maxRevocationList {
		return nil, fmt.Errorf("%w: revocation list of %d bytes", attest.ErrFormat, len(der))
	}
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("%w: revocation list: %w", attest.ErrFormat, err)
	}
	if len(l.Raw) != len(der) {
		return nil, fmt.Errorf("%w: revocation list with bytes behind it", attest.ErrFormat)
	}
	// One that is about some certificates, or tells changes only, says so in a critical extension.
	if slices.ContainsFunc(l.Extensions, func(e pkix.Extension) bool { return e.Critical }) {
		return nil, fmt.Errorf("%w: revocation list with a critical extension", attest.ErrFormat)
	}
	return l, nil
}
