package keyrelease

import (
	"errors"
	"fmt"
)

// Sentinels, one for each thing a caller does next.
var (
	// ErrUnavailable means that the server could not be reached, or cannot answer now: try again later.
	ErrUnavailable error = unavailable("keyrelease: server unavailable")
	// ErrDenied means that the server refuses. Every such error is a [*DeniedError]; trying again does not help.
	ErrDenied = errors.New("keyrelease: denied")
	// ErrProtocol means a message that is not of this protocol.
	ErrProtocol = errors.New("keyrelease: malformed message")
	// ErrServer means that a message does not carry a signature of the pinned server: someone else answered.
	ErrServer = errors.New("keyrelease: not signed by the pinned server")
	// ErrVersion means that the model is older than the guest or the server's floor demands.
	ErrVersion = errors.New("keyrelease: model version below the floor")
	// ErrFloor means that the guest's deny list or rules are older than the server demands: get newer ones, then ask again.
	// Every such error is a [*FloorError], and [Client.Floors] says what is demanded.
	ErrFloor = errors.New("keyrelease: below the server's floor")
	// ErrAttest means that the machine's evidence could not be had. It wraps the device's error.
	ErrAttest = errors.New("keyrelease: no evidence")
	// ErrConfig means a client or server that is not fully configured.
	ErrConfig = errors.New("keyrelease: incomplete configuration")
)

// unavailable tells package kek, which a [Federated] is given to, that this is no refusal.
type unavailable string

func (e unavailable) Error() string   { return string(e) }
func (unavailable) Unavailable() bool { return true }

// Code says why a server refuses.
type Code string

// The codes of refusals. Those from CodeModel on are told only to machines whose evidence was accepted.
const (
	CodeSuite      Code = "suite"             // another suite or key than MLKEM768X25519
	CodeChallenge  Code = "challenge"         // not a challenge of this server
	CodeExpired    Code = "challenge_expired" // older than its lifetime
	CodeEvidence   Code = "evidence"          // not accepted for this challenge, key and claims
	CodeModel      Code = "model"             // the server has no such model
	CodeCommitment Code = "commitment"        // no keyset of the model has this commitment
	CodeVersion    Code = "version"           // older than the model's or the guest's minimum version
	CodeSeal       Code = "seal"              // another seal.json than the server allows
	CodeConfig     Code = "config"            // another configuration than the server allows
	CodeMachine    Code = "machine"           // not a machine that may serve this model
	CodeReplay     Code = "challenge_used"    // a keyset has been released against this challenge
	CodeUnknown    Code = "unknown"           // the refusal was not of this protocol, for example that of a proxy
)

// DeniedError is a refusal of the server. It unwraps to [ErrDenied].
type DeniedError struct {
	Code Code // as the server said; unauthenticated
}

// Error has the code of the refusal.
func (e *DeniedError) Error() string { return ErrDenied.Error() + ": " + string(e.Code) }

// Unwrap returns [ErrDenied].
func (e *DeniedError) Unwrap() error { return ErrDenied }

// What a [FloorError] is about.
const (
	FloorDenyList = "deny list"
	FloorRules    = "rules"
)

// FloorError is a guest whose deny list or rules are too old. It unwraps to [ErrFloor].
type FloorError struct {
	What      string // [FloorDenyList] or [FloorRules]
	Want, Got uint64 // numbers; Got is 0 where the guest has none
}

// Error says what is below which floor.
func (e *FloorError) Error() string {
	return fmt.Sprintf("%v: %s number %d, want at least %d", ErrFloor, e.What, e.Got, e.Want)
}

// Unwrap returns [ErrFloor].
func (e *FloorError) Unwrap() error { return ErrFloor }

func (c Code) known() bool {
	switch c {
	case CodeSuite, CodeChallenge, CodeExpired, CodeEvidence, CodeModel, CodeCommitment, CodeVersion, CodeSeal, CodeConfig,
		CodeMachine, CodeReplay:
		return true
	}
	return false
}
