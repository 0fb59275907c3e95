package guardtest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// A Remote is a server under test that runs elsewhere: in another process, a container, behind a gateway. It must forward what
// it lets in to the kit's upstream, under the path on which it came, and nothing else may send it requests meanwhile. All
// requests name the model "m"; there are about a thousand within seconds, so that limits of rates need room.
type Remote struct {
	// URL is where the server is, such as "http://127.0.0.1:8080", if it runs already.
	URL string

	// Start, in place of URL, starts the server before which the kit puts its upstream at the address given, and returns its URL.
	Start func(ctx context.Context, upstream string) (url string, err error)

	// Upstream is the address at which the kit listens as the upstream of a server that runs already, such as "127.0.0.1:9000".
	// By default it takes any port on loopback, which only Start can tell the server.
	Upstream string

	// Header is sent with every request, such as an Authorization that the server asks for.
	Header http.Header

	// Client is used for its Transport, an *[http.Transport], such as one that knows the server's certificate.
	Client *http.Client

	// Patience is how long the server may take for what it should do at once; by default a second, which is much on loopback.
	Patience time.Duration
}

// ConformURL is [Conform] for a server that runs elsewhere:
//
//	guardtest.ConformURL(t, guardtest.Remote{URL: "http://127.0.0.1:8080", Upstream: "127.0.0.1:9000"})
func ConformURL(t *testing.T, server Remote, kinds ...api.Kind) {
	t.Helper()
	report, err := CheckURL(t.Context(), server, kinds...)
	report.show(t, err)
}

// CheckURL is [ConformURL] for programs. The error says that the kit itself could not work, or the server not be reached: without
// an answer nothing was checked.
func CheckURL(ctx context.Context, server Remote, kinds ...api.Kind) (Report, error) {
	k, err := newKit(ctx)
	if err != nil {
		return Report{}, err
	}
	if (server.URL == "") == (server.Start == nil) || server.URL != "" && server.Upstream == "" {
		return Report{}, errors.New("guardtest: a Remote has Start, or URL with Upstream")
	}
	var l net.Listener
	if server.Upstream != "" {
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", server.Upstream); err != nil {
			return Report{}, err
		}
	}
	up := serveQuietly(l, http.HandlerFunc(k.upstream))
	defer up.Close()
	if server.Start != nil {
		if server.URL, err = server.Start(ctx, up.URL); err != nil {
			return Report{}, err
		}
	}
	if u, err := url.Parse(server.URL); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return Report{}, errors.New("guardtest: the server's URL is none")
	}
	k.base, k.header = strings.TrimSuffix(server.URL, "/"), http.Header{}
	for name, v := range server.Header {
		k.header[http.CanonicalHeaderKey(name)] = v
	}
	if server.Client != nil && server.Client.Transport != nil {
		k.client = server.Client
	}
	if server.Patience > 0 {
		k.patience = server.Patience
	}
	probe, err := k.send(k.first(kinds))
	if err != nil {
		return Report{}, err
	}
	_ = probe.Body.Close() // that there is an answer is all it should show
	return k.all(kinds)
}

// first is an ordinary request of the first kind, to see that somebody answers.
func (k *kit) first(kinds []api.Kind) *http.Request {
	k.say = func(http.ResponseWriter, *http.Request) {}
	if k.kind = api.OpenAIChat; len(kinds) > 0 {
		k.kind = kinds[0]
	}
	return k.plain()
}
