package keyrelease

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"runtime"
	"testing"
	"time"
)

// encoding/json keeps the buffer of one message for the next. A keyset is in none of them.
func TestKeysetIsInNoPooledBuffer(t *testing.T) {
	runtime.LockOSThread() // pools are per processor
	defer runtime.UnlockOSThread()
	secret := bytes.Repeat([]byte("keyset"), 20)
	g := grant{Version: protocolVersion, Keyset: secret, ServerTime: time.Now().UTC(), MinVersion: 7, DenyList: &denyList{3, "00"}, RulesMinVersion: 5}
	encoded, err := g.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(looks{t, []byte(base64.StdEncoding.EncodeToString(secret))}).Encode(1); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(g)
	if err != nil || !bytes.Equal(encoded, want) {
		t.Errorf("%s, want %s (%v)", encoded, want, err)
	}
	var back grant
	if err := decode(encoded, &back, maxResponse); err != nil || !bytes.Equal(back.Keyset, secret) {
		t.Error(err)
	}
}

// looks is a writer that searches all of the memory that it is given a part of.
type looks struct {
	t      *testing.T
	secret []byte
}

func (l looks) Write(b []byte) (int, error) {
	if bytes.Contains(b[:cap(b)], l.secret) {
		l.t.Error("the keyset is in the buffer of another message")
	}
	return len(b), nil
}
