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

// Time is the later of now and the server's time: a guest whose clock stands still or runs behind has certificates, lists
// and policies that have expired by the server's clock treated as expired.
func (f Floors) Time(now time.Time) time.Time {
	if now.Before(f.ServerTime) {
		return f.ServerTime
	}
	return now
}

// raised is the higher of two sets of floors, each by itself: a floor never sinks.
//
// One number stands for one list. A server that gives two digests for it contradicts itself, or one of its two operators.
func (f Floors) raised(g Floors) (Floors, error) {
	if f.DenyList != nil && g.DenyList != nil && f.DenyList.Number == g.DenyList.Number && f.DenyList.Digest != g.DenyList.Digest {
		return f, fmt.Errorf("%w: two deny lists of number %d", ErrProtocol, f.DenyList.Number)
	}
	if g.ServerTime.After(f.ServerTime) {
		f.ServerTime = g.ServerTime
	}
	f.MinVersion = max(f.MinVersion, g.MinVersion)
	f.RulesMinVersion = max(f.RulesMinVersion, g.RulesMinVersion)
	if g.DenyList != nil && (f.DenyList == nil || g.DenyList.Number > f.DenyList.Number) {
		d := *g.DenyList
		f.DenyList = &d
	}
	return f, nil
}

// Check holds what the guest has against the floors: model version, deny list (nil for none) and the number of its rules.
// Errors: [ErrVersion], [ErrFloor].
func (f Floors) Check(version uint64, have *DenyList, rules uint64) error {
	if version < f.MinVersion {
		return fmt.Errorf("%w: %d, the server wants at least %d", ErrVersion, version, f.MinVersion)
	}
	if want := f.DenyList; want != nil {
		switch {
		case have == nil:
			return &FloorError{What: FloorDenyList, Want: want.Number}
		case have.Number < want.Number:
			return &FloorError{What: FloorDenyList, Want: want.Number, Got: have.Number}
		case have.Number == want.Number && have.Digest != want.Digest:
			return fmt.Errorf("%w: it has that number and another digest", &FloorError{What: FloorDenyList, Want: want.Number, Got: have.Number})
		}
	}
	if rules < f.RulesMinVersion {
		return &FloorError{What: FloorRules, Want: f.RulesMinVersion, Got: rules}
	}
	return nil
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
