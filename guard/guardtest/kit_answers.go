package guardtest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// said is an answer that must pass as it is, or one whose canary must not.
func (k *kit) said(e *entry) {
	pieces := e.pieces()
	name := e.Class + "/" + e.Name
	k.begin(name)
	g := k.ask(k.plain(), k.answer(pieces...))
	if !e.Benign {
		k.withheld(name, g)
		return
	}
	if a, err := Read(k.kind, g.body, k.stream); g.status != http.StatusOK || err != nil || g.err != nil || a.Text != strings.Join(pieces, "") || a.ErrorCode != "" {
		k.fail(name, "the answer was changed")
	}
}

// withheld must hold no more than half of the canary, and end in an error of the dialect.
func (k *kit) withheld(name string, g got) {
	var text string
	if k.stream && g.status == http.StatusOK {
		a, err := Read(k.kind, g.body, true)
		if text = a.Text; err != nil || g.err != nil || a.ErrorCode == "" {
			k.fail(name, "the stream does not end in an error of the dialect")
		}
	} else if g.status < 400 {
		k.fail(name, "status %d", g.status)
	} else {
		k.refusal(name, g)
	}
	all := fmt.Sprint(g.header) + g.body + text
	for i := 0; i+len(Canary)/2 < len(Canary); i++ {
		if strings.Contains(all, Canary[i:i+len(Canary)/2+1]) {
			k.fail(name, "the canary was sent")
			return
		}
	}
}

// answers are hostile ones that are no text: in a header, in an error, encoded, in another framing.
func (k *kit) answers() {
	leak := "It is " + Canary
	whole := func(attack string, say http.HandlerFunc) {
		k.begin(attack)
		k.withheld(attack, k.ask(k.plain(), say))
	}
	next := k.answer("x")
	whole("answer/header", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Note", leak)
		next(w, r)
	})
	errored := k.write(http.StatusInternalServerError, `{"error":`+quote(leak)+`}`)
	whole("answer/error", errored)
	hidden := k.answer(leak)
	whole("answer/encoded", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "x-none")
		hidden(w, r)
	})
	broken := "<" + leak + ">\n\n"
	if k.stream && framing(k.kind) == api.SSE {
		broken = "data: " + broken
	}
	whole("answer/not JSON", k.write(http.StatusOK, broken))
	if !k.stream && Streams(k.kind) {
		k.begin("answer/stream that nobody asked for")
		lines := strings.Join(Stream(k.kind, leak), "")
		g := k.ask(k.plain(), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media(k.kind, true))
			_, _ = io.WriteString(w, lines) // the server may refuse it
		})
		if strings.Contains(g.body, Canary) {
			k.fail("answer/stream that nobody asked for", "the canary was sent")
		}
	}
}

// faults of an upstream must not look like answers.
func (k *kit) faults() {
	k.begin("fault/panic")
	g := k.ask(k.plain(), func(http.ResponseWriter, *http.Request) { panic("guardtest: a fault") })
	if g.err == nil && g.status < 500 {
		k.fail("fault/panic", "status %d", g.status)
	}
}

// flushes sees that an event reaches the client before the upstream has the next.
func (k *kit) flushes() {
	k.begin("stream/flush")
	arrived := make(chan struct{})
	var once sync.Once
	let := func() { once.Do(func() { close(arrived) }) }
	defer let()
	events := Stream(k.kind, "fair ", "weather")
	at := slices.IndexFunc(events, func(e string) bool { return strings.Contains(e, "fair ") })
	late := make(chan bool, 8) // a broken server may ask more than once
	say := func(w http.ResponseWriter, r *http.Request) {
		k.write(http.StatusOK, events[:at+1]...)(w, r)
		select {
		case <-arrived:
			late <- false
		case <-time.After(k.patience / 2):
			late <- true
		}
		_, _ = io.WriteString(w, strings.Join(events[at+1:], "")) // the client may have left
	}
	k.mu.Lock()
	k.say = say
	k.mu.Unlock()
	res, err := k.send(k.plain())
	if err != nil {
		k.fail("stream/flush", "no answer")
		return
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "fair ") {
			let()
		}
	}
	select {
	case was := <-late:
		if was {
			k.fail("stream/flush", "an event was kept until the next")
		}
	default:
		k.fail("stream/flush", "the upstream was not reached")
	}
}

// cancels sees that an upstream is stopped when its answer is.
func (k *kit) cancels() {
	k.begin("stream/cancel")
	stopped := make(chan bool, 8)
	events := Stream(k.kind, "It is ", Canary, " yes")
	g := k.ask(k.plain(), func(w http.ResponseWriter, r *http.Request) {
		k.write(http.StatusOK, events[:len(events)-1]...)(w, r)
		select {
		case <-r.Context().Done():
			stopped <- true
		case <-time.After(k.patience / 2):
			stopped <- false
		}
	})
	if g.ran == 0 {
		k.fail("stream/cancel", "the upstream was not reached")
		return
	}
	select {
	case ok := <-stopped:
		if ok {
			return
		}
	case <-time.After(k.patience): // it was ended in a write
	}
	k.fail("stream/cancel", "the upstream goes on behind an answer that was refused")
}
