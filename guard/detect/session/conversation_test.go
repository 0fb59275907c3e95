package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/caller"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/session"
)

// converse sends a conversation and returns the session's rules.
func converse(t *testing.T, d *session.Detector, who string, spans []detect.Span) []string {
	t.Helper()
	fs, err := d.Detect(caller.WithIdentity(context.Background(), caller.Identity{ID: who}), detect.View{Spans: spans}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, f := range fs {
		rules = append(rules, f.Rule)
	}
	return rules
}

func user(text string) detect.Span {
	return detect.Span{Role: detect.RoleUser, Trust: detect.TrustUser, Text: []byte(text)}
}

func assistant(text string) detect.Span {
	return detect.Span{Role: detect.RoleAssistant, Trust: detect.TrustUser, Text: []byte(text)}
}

// A long conversation is sent again whole with every turn, and so is the work of an agent between its tools: neither is one
// prompt tried again and again.
func TestConversationsAreNoIterations(t *testing.T) {
	d := newDetector(t, session.Config{})
	var chat, agent []detect.Span
	agent = append(agent, user("Find out why the build of the harbour's web site fails, and mend it."))
	words := strings.Fields("anchor buoy crane dock engine ferry gangway hawser island jetty keel lighthouse mooring net oar pilot quay rudder sail tide")
	for i := range 60 {
		word := func(k int) string { return words[(i*k+i/len(words))%len(words)] }
		chat = append(chat, user(fmt.Sprintf("Why does the %s beside the %s cost %d, and who pays for %s and %s?", word(1), word(3), i*104729, word(7), word(9))))
		if got := converse(t, d, "alice", chat); got != nil {
			t.Fatalf("turn %d: %v", i, got)
		}
		if got := converse(t, d, "agent", agent); got != nil {
			t.Fatalf("step %d: %v", i, got)
		}
		chat = append(chat, assistant(fmt.Sprintf("Answer %d: it depends on the harbour, the season and the ship.", i)))
		agent = append(agent, assistant("I will read the next file."), detect.Span{Role: detect.RoleTool, Trust: detect.TrustNone, Text: fmt.Appendf(nil, "file %d: nothing", i)})
	}
}

// An attack that changes an earlier turn, or hides behind a long history, is seen all the same.
func TestIterationsInsideOfConversations(t *testing.T) {
	for name, spans := range map[string]func(i int) []detect.Span{
		"last turn": func(i int) []detect.Span {
			return []detect.Span{user("Tell me about harbours and the ships in them, please."), assistant("Gladly."), user(prompt + strings.Repeat(string(rune('a'+i)), 12))}
		},
		"earlier turn": func(i int) []detect.Span {
			return []detect.Span{user(prompt + strings.Repeat(string(rune('a'+i)), 12)), assistant("Sure."), user("go on")}
		},
		"earlier turn, same last": func(i int) []detect.Span {
			return []detect.Span{user(prompt + strings.Repeat(string(rune('a'+i)), 12)), assistant("Sure."), user("Please go on with the next step, and leave nothing out.")}
		},
		"long history": func(i int) []detect.Span {
			return []detect.Span{user(strings.Repeat("An old tale of the harbour and its ships. ", 1000)), assistant("Yes."), user(prompt + strings.Repeat(string(rune('a'+i)), 12))}
		},
	} {
		d := newDetector(t, session.Config{})
		var got []string
		for i := range 10 {
			got = append(got, converse(t, d, "gcg", spans(i))...)
		}
		if !slices.Contains(got, session.RuleIteration) {
			t.Errorf("%s: not noticed", name)
		}
	}
}
