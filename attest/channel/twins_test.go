package channel

import (
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// Servers behind one address that began in the same second claim the same, under keys of their own: what is remembered of one does
// not shut out the other, and each is verified.
func TestTwinsBehindOneAddress(t *testing.T) {
	same := func(cl *attest.Claims) { cl.Time = time.Now().Add(-time.Hour).Truncate(time.Hour) }
	w := newWorld(t, same)
	twin := w.newChain(t, same)
	_, a := w.chain.Current()
	if _, b := twin.Current(); a != b {
		t.Fatal("they claim other things")
	}
	tr := w.transport(t, nil)
	for i, c := range []*attest.Chain{w.chain, twin, twin, w.chain} {
		w.server.Swap(c)
		tr.CloseIdleConnections()
		resp, _, err := post(t, tr, w.http.URL+"/chat")
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if got := StatementOf(resp).KeyHash(); got != c.Identity().KeyHash() {
			t.Errorf("connection %d: statement of another key", i)
		}
	}
	if n := w.verified.Load(); n != 3 {
		t.Errorf("%d documents verified, want 3: one for each change of key", n)
	}
	w.refused(t, tr, relay(t, w.http)+"/chat", ErrBinding)
}
