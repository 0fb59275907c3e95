package guardtest

import (
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// attack must be refused in the dialect of the route before the upstream runs.
func (k *kit) attack(e *entry) error {
	if !e.of(k.kind) {
		return nil
	}
	r, _, err := e.request(k.kind, k.base, k.stream)
	if err != nil {
		return err
	}
	name := e.Class + "/" + e.Name
	k.begin(name)
	g := k.ask(r, k.answer("x"))
	if g.ran != 0 {
		k.fail(name, "the upstream ran %d times", g.ran)
	}
	if g.status != e.Status {
		k.fail(name, "status %d, not %d", g.status, e.Status)
	} else if e.Class != "route" { // a path of no route has no dialect
		k.refusal(name, g)
	}
	return nil
}

// refusal must be one error in the dialect of the route.
func (k *kit) refusal(name string, g got) {
	d, _ := api.New(k.kind)
	a, err := Read(k.kind, g.body, false)
	// KServe and Ollama have errors that are one string, the others objects of their own.
	form := d.AppendError(nil, api.Problem{Status: g.status, Code: a.ErrorCode})
	open, _, _ := strings.Cut(string(form), `"message"`)
	if len(open) == len(form) {
		open = `{"error":"`
	}
	if err != nil || g.err != nil || a.ErrorCode == "" || a.Text != "" || !strings.HasPrefix(g.body, open) {
		k.fail(name, "the refusal is not an error of the dialect")
	}
}

// benign must reach the upstream once and as it was sent, and its answer the client.
func (k *kit) benign(e *entry) error {
	r, plain, err := e.request(k.kind, k.base, k.stream)
	if err != nil {
		return err
	}
	name := e.Class + "/" + e.Name
	k.begin(name)
	g := k.ask(r, k.answer("fair ", "weather"))
	switch a, err := Read(k.kind, g.body, k.stream); {
	case g.status != http.StatusOK || g.ran != 1:
		k.fail(name, "status %d, the upstream ran %d times", g.status, g.ran)
	case string(g.seen) != string(plain):
		k.fail(name, "the upstream read other bytes than were sent")
	case err != nil || g.err != nil || a.ErrorCode != "" || speaks(k.kind) && a.Text != "fair weather" || k.stream && !a.Done:
		k.fail(name, "the answer did not arrive")
	}
	return nil
}

func (k *kit) upgrade() {
	k.begin("route/websocket")
	r := k.plain()
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	if g := k.ask(r, k.answer("x")); g.ran != 0 || g.status < 400 || g.status > 499 {
		k.fail("route/websocket", "status %d, the upstream ran %d times", g.status, g.ran)
	}
}

// plain is an ordinary request.
func (k *kit) plain() *http.Request {
	r, _, err := (&entry{Text: "hi"}).request(k.kind, k.base, k.stream)
	if err != nil {
		panic("guardtest: internal error: " + err.Error()) // nothing of it is from outside
	}
	return r
}
