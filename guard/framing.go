package guard

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// framing refuses what would make the upstream read another body than the guard did.
func (t *Transaction) framing(r *Request) *Rejection {
	h := r.Header
	if len(h["Upgrade"]) > 0 || hasUpgrade(h["Connection"]) { // a connection that leaves HTTP leaves the guard
		return &Rejection{Code: CodeRoute, Status: http.StatusForbidden, Err: errNoHTTP}
	}
	for name := range h {
		if misleads(name) {
			return &Rejection{Code: CodeRoute, Status: http.StatusForbidden, Err: errMisleads}
		}
	}
	if t.kind == KindPass {
		if r.Length > 0 {
			return refuse("body", whyAllowed)
		}
		return nil
	}
	if _, ok := t.g.decoder(h["Content-Encoding"]); !ok {
		return &Rejection{Code: CodeMedia, Status: http.StatusUnsupportedMediaType, Err: errPacked}
	}
	if !isJSON(h["Content-Type"]) && !t.isBinary(h) {
		return &Rejection{Code: CodeMedia, Status: http.StatusUnsupportedMediaType, Err: errMedia}
	}
	if r.Length > int64(t.pol.Limits.MaxBodyBytes) {
		return tooLarge(errBodySize)
	}
	return nil
}

// misleads reports whether a header says another method or path than the guard has looked at, or may be taken for one that frames the
// body: servers that hand headers on as environment variables (RFC 3875 section 4.1.18) do not tell "_" from "-".
func misleads(name string) bool {
	switch name {
	case "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url": // not X-Original-Uri, which ingresses set and nobody routes by
		return true
	}
	dashed := dashes(name)
	if dashed == name {
		return false
	}
	switch dashed {
	case "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", api.HeaderLength:
		return true
	}
	return misleads(dashed)
}

// dashes is the name that a header with "_" in it is to servers that do not tell "_" from "-" (RFC 3875 section 4.1.18); any other as it is.
func dashes(name string) string {
	if strings.IndexByte(name, '_') < 0 {
		return name
	}
	return http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

func hasUpgrade(values []string) bool {
	for _, v := range values {
		for token := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return true
			}
		}
	}
	return false
}

// isJSON reports whether there is one content type and it is JSON in UTF-8.
func isJSON(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if values[0] == "application/json" {
		return true
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil || media != "application/json" {
		return false
	}
	for k, v := range params {
		if k != "charset" || !strings.EqualFold(v, "utf-8") {
			return false
		}
	}
	return true
}

// isBinary reports whether a body is JSON with binary tensors behind it.
func (t *Transaction) isBinary(h http.Header) bool {
	c := h["Content-Type"]
	return t.kind == KindInfer && len(h[api.HeaderLength]) == 1 && len(c) == 1 && c[0] == "application/octet-stream"
}

// translated is the prefix of IPv4 addresses behind a translator (RFC 6052 section 2.1): its network of 64 bits is all of IPv4.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// tunneled is the prefix of the 65,536 networks of 64 bits that everybody with an IPv4 address has (6to4, RFC 3056 section 2).
var tunneled = netip.MustParsePrefix("2002::/16")

// remoteHost names the other end of a connection. Of IPv6 addresses it is the network of so many bits that one line or machine
// gets: each of its 2^64 addresses would have budgets of its own.
func remoteHost(r *Request, bits int) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap().WithZone("")
	switch b := ip.As16(); {
	case translated.Contains(ip):
		ip = netip.AddrFrom4([4]byte(b[12:]))
	case tunneled.Contains(ip):
		ip = netip.AddrFrom4([4]byte(b[2:6]))
	}
	if ip.Is4() {
		return ip.String()
	}
	net, _ := ip.Prefix(bits)
	return net.String()
}
