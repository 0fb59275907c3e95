package cases

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard"
)

// guardCoraza takes a chat of 4 KiB through the phases of a web application firewall with the OWASP core rule set at its
// default paranoia, beside the guard with its default policy: subject and yardstick are handlers in one process, and the
// ratio says how many times the guard's work the firewall's is.
func guardCoraza() (ratio.Case, error) {
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(
		"Include @coraza.conf-recommended\nInclude @crs-setup.conf.example\nInclude @owasp_crs/*.conf\nSecRuleEngine On\nSecAuditEngine Off\n"))
	if err != nil {
		return ratio.Case{}, err
	}
	body, err := chatBody(4 << 10)
	if err != nil {
		return ratio.Case{}, err
	}
	g, err := guard.New(openPolicy())
	if err != nil {
		return ratio.Case{}, err
	}
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	// A WAF without its rules would be fast: it must stop what the rule set is for.
	hostile := strings.Replace(string(body), "You answer", "<script>alert(1)</script> ' OR 1=1 -- ;cat /etc/passwd", 1)
	if it, err := firewall(waf, []byte(hostile)); err != nil || it == nil {
		return ratio.Case{}, fmt.Errorf("the firewall let a hostile body through (%w)", err)
	}
	return ratio.Case{
		Name: "guard/coraza/4KiB", Better: ratio.Higher,
		Subject: func() error { return post(h, body) },
		Yardstick: func() error {
			it, err := firewall(waf, body)
			if err == nil && it != nil {
				err = fmt.Errorf("the firewall refused prose by rule %d", it.RuleID)
			}
			return err
		},
	}, nil
}

// firewall takes one chat and its answer through a WAF, and returns what stopped it.
func firewall(waf coraza.WAF, body []byte) (*types.Interruption, error) {
	tx := waf.NewTransaction()
	defer tx.Close()
	tx.ProcessConnection("127.0.0.1", 4000, "127.0.0.1", 80)
	tx.ProcessURI("/v1/chat/completions", "POST", "HTTP/1.1")
	tx.AddRequestHeader("Host", "localhost")
	tx.AddRequestHeader("User-Agent", "client/1")
	tx.AddRequestHeader("Accept", "application/json")
	tx.AddRequestHeader("Content-Type", "application/json")
	tx.AddRequestHeader("Content-Length", fmt.Sprint(len(body)))
	if it := tx.ProcessRequestHeaders(); it != nil {
		return it, nil
	}
	if it, _, err := tx.WriteRequestBody(body); it != nil || err != nil {
		return it, err
	}
	if it, err := tx.ProcessRequestBody(); it != nil || err != nil {
		return it, err
	}
	tx.AddResponseHeader("Content-Type", "application/json")
	if it := tx.ProcessResponseHeaders(http.StatusOK, "HTTP/1.1"); it != nil {
		return it, nil
	}
	if tx.IsResponseBodyAccessible() && tx.IsResponseBodyProcessable() {
		if it, _, err := tx.WriteResponseBody([]byte(answer)); it != nil || err != nil {
			return it, err
		}
		if it, err := tx.ProcessResponseBody(); it != nil || err != nil {
			return it, err
		}
	}
	tx.ProcessLogging()
	return nil, nil
}
