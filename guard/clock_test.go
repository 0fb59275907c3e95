package guard_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// slow sends events of a chat, with a pause behind each, until the guard is through with it.
func slow(pause time.Duration, pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range strings.SplitAfterSeq(guardtest.Events(pieces...), "\n\n") {
			if _, err := io.WriteString(w, event); err != nil {
				return
			}
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
	}
}

// While events are held back the caller gets comments, so that the connection is not taken for dead; events that are held
// for too long end the stream with an error, and are not sent.
func Test10HoldingInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := leaky()
		p.Limits.HoldMillis, p.Limits.BeatMillis = 10_000, 3_000
		g := newGuard(t, p)
		w := post(g.Handler(slow(7*time.Second, "It is hf-can", "did ", "yes")), streamed)
		if got, err := guardtest.Play(strings.ReplaceAll(w.Body.String(), ":\n\n", "")); err != nil || got.Text != "It is hf-candid yes" || !got.Done {
			t.Fatalf("%+v %v\n%s", got, err, w.Body)
		}
		if n := strings.Count(w.Body.String(), ":\n\n"); n != 2 {
			t.Errorf("%d comments in 7 s, want one every 3 s:\n%s", n, w.Body)
		}
		// An upstream that says by comments that it is at work is heard, if not word for word, and no more often than that.
		w = post(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 10 {
				time.Sleep(time.Second)
				io.WriteString(w, ": "+canary+"\n\n")
			}
			io.WriteString(w, guardtest.Events("fine"))
			time.Sleep(time.Hour)
			io.WriteString(w, ": more\n\n")
		})), streamed)
		if n := strings.Count(w.Body.String(), ":\n\n"); n != 3 || strings.Contains(w.Body.String(), canary) || !strings.HasPrefix(w.Body.String(), ":\n\n") || !strings.HasSuffix(w.Body.String(), "[DONE]\n\n") {
			t.Errorf("%d comments of 10 in 10 s, want one every 3 s:\n%s", n, w.Body)
		}
		start := time.Now()
		w = post(g.Handler(slow(time.Hour, "It is hf-can")), streamed)
		got, err := guardtest.Play(strings.ReplaceAll(w.Body.String(), ":\n\n", ""))
		if took := time.Since(start); err != nil || got.ErrorCode != guard.CodeTimeout || strings.Contains(w.Body.String(), "hf-can") || took != 10*time.Second {
			t.Errorf("after %v: %+v %v\n%s", took, got, err, w.Body)
		}
	})
}

// An answer ends when it is too old, whether or not anything comes, before its header and after it; and a reload that
// allows less ends those at work.
func Test10AnswersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := leaky()
		p.Limits.AnswerSeconds = 60
		g := newGuard(t, p)
		silent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		start := time.Now()
		w := post(g.Handler(silent), hello)
		if a, err := guardtest.Play(w.Body.String()); w.Code != 504 || err != nil || a.ErrorCode != guard.CodeTimeout || time.Since(start) != time.Minute {
			t.Errorf("silent: %d %s after %v", w.Code, w.Body, time.Since(start))
		}
		start = time.Now()
		w = post(g.Handler(slow(time.Second, strings.Split(strings.Repeat("a ", 1000), " ")...)), streamed)
		if a, err := guardtest.Play(w.Body.String()); w.Code != 200 || err != nil || a.ErrorCode != guard.CodeTimeout || a.Text == "" || time.Since(start) != time.Minute {
			t.Errorf("endless: %+v after %v", a, time.Since(start))
		}
		// One that stands still ends before its age, and one that goes on slowly does not.
		still := p
		still.Limits.IdleSeconds = 10
		idle := newGuard(t, still)
		start = time.Now()
		w = post(idle.Handler(slow(time.Hour, "a ", "b ")), streamed)
		if a, err := guardtest.Play(w.Body.String()); err != nil || a.ErrorCode != guard.CodeTimeout || a.Text != "a " || time.Since(start) != 10*time.Second {
			t.Errorf("still: %+v %v after %v", a, err, time.Since(start))
		}
		w = post(idle.Handler(slow(9*time.Second, "a ", "b ")), streamed)
		if a, err := guardtest.Play(w.Body.String()); err != nil || a.Text != "a b " || !a.Done {
			t.Errorf("slow: %+v %v", a, err)
		}
		start = time.Now()
		go func() {
			time.Sleep(5 * time.Second)
			p.Limits.AnswerSeconds = 1
			if err := g.Reload(p); err != nil {
				t.Error(err)
			}
		}()
		w = post(g.Handler(slow(time.Hour, "a ", "b ")), streamed)
		if a, err := guardtest.Play(w.Body.String()); err != nil || a.ErrorCode != guard.CodeTimeout || time.Since(start) > 15*time.Second {
			t.Errorf("after the reload: %+v %v after %v", a, err, time.Since(start))
		}
	})
}

// A caller who sends a body in drops, or does not read the answer, loses the connection in time.
func Test10SlowCallers(t *testing.T) {
	p := leaky()
	p.Limits.BodySeconds, p.Limits.WriteSeconds = 1, 1
	stopped := make(chan error, 1)
	up := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		event := guardtest.Events(strings.Repeat("a ", 32<<10))
		event = event[:strings.Index(event, "\n\n")+2]
		for {
			if _, err := io.WriteString(w, event); err != nil {
				stopped <- err
				return
			}
		}
	})
	srv := httptest.NewServer(newGuard(t, p).Handler(up))
	defer srv.Close()
	dial := func(request string) net.Conn {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		return c
	}
	const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
	c := dial(head + "100\r\n\r\n{")
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("a body in drops: %q %v", answer, err)
	}
	d := dial(head + "71\r\n\r\n" + streamed)
	defer d.Close()
	select {
	case <-stopped:
	case <-time.After(15 * time.Second):
		t.Error("the caller does not read, and the upstream writes on")
	}
}
