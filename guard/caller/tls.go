package caller

import (
	"net/http"
	"strings"
)

// Certificates tells callers by the certificates of their mutual TLS connections. The server's tls.Config must demand and
// verify them (tls.RequireAndVerifyClientCert): a certificate that the handshake did not verify counts for nothing here.
type Certificates struct {
	// Subjects maps a name of the certificate to its tenant: "uri:spiffe://…", "dns:…", "email:…" or "cn:…" in front of the
	// exact name. Names that are not listed are refused, and so is a certificate with two names that are.
	Subjects map[string]string
}

// Authenticate is an [Authenticator]. The identity's ID is the name that is listed. Errors: [ErrUnknown].
func (c Certificates) Authenticate(r *http.Request) (Identity, error) {
	if r.TLS == nil || !r.TLS.HandshakeComplete || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return Identity{}, ErrUnknown
	}
	leaf := r.TLS.VerifiedChains[0][0]
	var names []string
	for _, u := range leaf.URIs {
		names = append(names, "uri:"+u.String())
	}
	for _, d := range leaf.DNSNames {
		names = append(names, "dns:"+strings.ToLower(d))
	}
	for _, e := range leaf.EmailAddresses {
		names = append(names, "email:"+e)
	}
	if leaf.Subject.CommonName != "" {
		names = append(names, "cn:"+leaf.Subject.CommonName)
	}
	var id Identity
	for _, n := range names {
		tenant, ok := c.Subjects[n]
		if !ok {
			continue
		}
		if id.ID != "" && id.ID != n {
			return Identity{}, ErrUnknown
		}
		id = Identity{ID: n, Tenant: tenant}
	}
	if id.ID == "" {
		return Identity{}, ErrUnknown
	}
	return id, nil
}
