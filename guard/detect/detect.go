// Package detect finds attacks in the text of a request and leaks in the text of an answer.
//
// A wire format is turned into a [View]: every text a backend may read, each a [Span] that says who wrote it. A
// [Detector] reads the view and appends [Finding] values; what is done about one is the policy's business. [Rules] is
// the built-in detector (invisible characters, injected roles, prompt injection, extraction, personas) and [Leak] follows
// an answer as it is generated. [New] gives a [Classifier], which adds a linear model to the rules: it scores a text, and [Scores] of harmless
// texts, such as those of the model's card, turn a score into a p-value or a rate of false positives into a threshold:
//
//	c, err := detect.New()
//	s := c.Score(text, detect.TrustUser)
//	p := c.Model().Card().Benign.PValue(s.Value)
//
// [Calibration] counts the scores of an operator's own traffic. Packages sensitive, exfil, judge and session have detectors of other things.
//
// # What it does not promise
//
// Rules over words catch known phrasings under common disguises. They do not catch an injection that is a plain task
// request, and no detector of text does: pair them with least privilege for tools.
package detect

import (
	"context"
	"errors"
)

// ErrUnavailable says that a check could not be done for lack of something outside, not because of a fault.
var ErrUnavailable = errors.New("detect: unavailable")

// A Role says which part of a conversation a text belongs to.
type Role uint8

// Roles. The zero value is text whose place in the conversation is unknown, for example a field no specification names.
const (
	RoleUnknown    Role = iota
	RoleSystem          // system and developer messages
	RoleUser            // the user's turns
	RoleAssistant       // earlier answers and their tool calls, as the caller replays them
	RoleTool            // results of tools, retrieved documents
	RoleDefinition      // tool and schema definitions
)

// String returns the role's name, for example "tool".
func (r Role) String() string {
	switch r {
	case RoleSystem:
		return "system"
	case RoleUser:
		return "user"
	case RoleAssistant:
		return "assistant"
	case RoleTool:
		return "tool"
	case RoleDefinition:
		return "definition"
	}
	return "unknown"
}

// Trust says whose word a text is. The zero value is nobody's: content that came from outside the conversation.
type Trust uint8

// Levels of trust, lowest first.
const (
	TrustNone     Trust = iota // tool results, documents, unknown fields
	TrustUser                  // whoever sends the request
	TrustOperator              // the operator's own instructions; never scanned as user text
)

// A Span is one text of a message.
type Span struct {
	Role   Role
	Trust  Trust
	Offset int    // of the text's first byte (of a JSON string: its opening quote) in the message, in bytes
	Text   []byte // decoded, UTF-8; valid only during the call that passes it
}

// A View is all text of one message, in the order of the message.
type View struct {
	Spans []Span
}

// A Finding is what a detector saw. It never carries text.
type Finding struct {
	Rule     string // stable id, for example "injection.override"
	Category string // OWASP LLM 2025 id, for example "LLM01"
	Span     int    // index into View.Spans of the span where the match ends
	Start    int    // of the match in that span's text, in bytes; 0 where it began in an earlier span
	End      int    // of the match in that span's text, in bytes
}

// A Detector reads a view and appends what it found to findings. It must be safe for concurrent use, keep nothing of
// the view, and put no text into errors. An error means that the check did not happen: the request is refused.
type Detector interface {
	Detect(ctx context.Context, v View, findings []Finding) ([]Finding, error)
}
