package keyrelease

import (
	"fmt"
	"time"
)

// Floors are what a key server tells a guest about time and versions. The guest's own clock and disk belong to its host, so
// these are lower bounds that it does not go below.
type Floors struct {
	ServerTime      time.Time // when the last release was answered
	MinVersion      uint64    // of the model
	DenyList        *DenyList // nil where the server has none
	RulesMinVersion uint64    // of guard rule files
}

// DenyList names the deny list that the guest must have at least.
type DenyList struct {
	Number uint64   // the list's number, which only rises
	Digest [32]byte // SHA-256 of the list
}

// raised is the higher of two sets of floors, each by itself: a floor never sinks.
func (f Floors) raised(g Floors) Floors {
	if g.ServerTime.After(f.ServerTime) {
		f.ServerTime = g.ServerTime
	}
	f.MinVersion = max(f.MinVersion, g.MinVersion)
	f.RulesMinVersion = max(f.RulesMinVersion, g.RulesMinVersion)
	if g.DenyList != nil && (f.DenyList == nil || g.DenyList.Number > f.DenyList.Number) {
		d := *g.DenyList
		f.DenyList = &d
	}
	return f
}

// floors reads the floors of a grant.
func (g *grant) floors() (Floors, error) {
	f := Floors{ServerTime: g.ServerTime, MinVersion: g.MinVersion, RulesMinVersion: g.RulesMinVersion}
	if g.ServerTime.IsZero() {
		return f, fmt.Errorf("%w: no server time", ErrProtocol)
	}
	if g.DenyList != nil {
		f.DenyList = &DenyList{Number: g.DenyList.Number}
		if !unhex(&f.DenyList.Digest, g.DenyList.Digest) {
			return f, fmt.Errorf("%w: deny list digest", ErrProtocol)
		}
	}
	return f, nil
}
