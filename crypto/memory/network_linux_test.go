package memory

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEngineNetwork(t *testing.T) {
	need(t, NoNetwork)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	dial, listen, other := "dial:"+l.Addr().String(), fmt.Sprintf("listen:127.0.0.1:%d", port), "listen:127.0.0.1:0"
	const mptcp = 262
	udp, udp6, raw := fmt.Sprintf("socket:%d,%d,0", unix.AF_INET, unix.SOCK_DGRAM), fmt.Sprintf("socket:%d,%d,0", unix.AF_INET6, unix.SOCK_DGRAM),
		fmt.Sprintf("socket:%d,%d,%d", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP)
	multi := fmt.Sprintf("socket:%d,%d,%d", unix.AF_INET, unix.SOCK_STREAM, mptcp)
	netlink, packet, vsock := fmt.Sprintf("socket:%d,%d,0", unix.AF_NETLINK, unix.SOCK_RAW), fmt.Sprintf("socket:%d,%d,0", unix.AF_PACKET, unix.SOCK_RAW),
		fmt.Sprintf("socket:%d,%d,0", unix.AF_VSOCK, unix.SOCK_STREAM)
	local := fmt.Sprintf("socket:%d,%d,0", unix.AF_UNIX, unix.SOCK_STREAM)
	uring := fmt.Sprintf("call:%d", unix.SYS_IO_URING_SETUP)
	all := []string{dial, listen, other, udp, udp6, raw, multi, netlink, packet, vsock, local, uring}
	fast := []string{"ulp:tls", "ulp:smc"} // ways to connect that Landlock does not see
	for _, call := range []string{"sendto", "sendmsg", "sendmmsg"} {
		fast = append(fast, "fastopen:"+call+","+l.Addr().String())
	}

	got, _ := confined(t, Engine{}, append(all, "pair")...)
	for _, a := range all[:11] {
		refusedAs(t, got, a, unix.EAFNOSUPPORT)
	}
	refusedAs(t, got, uring, unix.ENOSYS)
	allowedTo(t, got, "pair")

	got, _ = confined(t, Engine{Network: Network{Local: true}}, all...)
	for _, a := range all[:10] {
		refusedAs(t, got, a, unix.EAFNOSUPPORT)
	}
	allowedTo(t, got, local)
	refusedAs(t, got, uring, unix.ENOSYS)

	if landlockVersion() >= 4 {
		got, _ = confined(t, Engine{Network: Network{Listen: []uint16{uint16(port)}}}, append(append(all, "keepalive:"), fast...)...)
		allowedTo(t, got, listen)
		allowedTo(t, got, "keepalive:")
		refusedAs(t, got, dial, unix.EACCES)
		refusedAs(t, got, other, unix.EACCES)
		for _, a := range fast {
			refusedAs(t, got, a, unix.EOPNOTSUPP)
		}
		for _, a := range []string{udp, udp6, raw, multi, netlink, packet, vsock, local} {
			refusedAs(t, got, a, unix.EAFNOSUPPORT)
		}
	}
	got, r := confined(t, Engine{Network: Network{InsecureAll: true}}, append(fast[2:], dial, other, udp)...)
	for _, a := range append(fast[2:], dial, other, udp) {
		allowedTo(t, got, a)
	}
	if (r.Enforced|r.Missing)&NoNetwork != 0 {
		t.Errorf("%+v", r)
	}
}
