package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
)

// epochVector is a chain of two epochs signed by one key: the second has another guard policy.
func epochVector() (vector, error) {
	key, err := fixedKey()
	if err != nil {
		return vector{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return vector{}, err
	}
	digest := func(first byte) *attest.Digest { d := attest.Digest(fill32(first)); return &d }
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := attest.Claims{
		Models:      []attest.Model{{ModelID: *digest(1), Name: modelName, Version: modelVersion, MBOM: digest(2), Loaded: *digest(3)}},
		GuardPolicy: digest(4), Config: *digest(5), Time: at,
		HPKE:   &attest.HPKE{Suite: "mlkem768x25519", Key: fill(8, 6)},
		Floors: &attest.Floors{ServerTime: at, MinVersion: 6, DenyList: &attest.DenyList{Number: 2, Digest: *digest(7)}, RulesMinVersion: 1},
	}
	var envelopes []any
	var ids []string
	for epoch := range uint64(2) {
		c.Epoch = epoch
		payload, err := json.Marshal(c)
		if err != nil {
			return vector{}, err
		}
		if _, err := attest.ParseClaims(payload); err != nil {
			return vector{}, err
		}
		env, err := dsse.Sign(key, attest.EpochPayloadType, payload)
		if err != nil {
			return vector{}, err
		}
		id := attest.Digest(sha256.Sum256(payload))
		envelopes, ids = append(envelopes, string(env)), append(ids, id.String())
		c.Prev, c.GuardPolicy, c.Time = &id, digest(8), at.Add(time.Minute)
	}
	return vector{"a guard reload", "epochs",
		map[string]any{"spki": hexOf(spki), "envelopes": envelopes},
		map[string]any{"chain": ids[0], "current": ids[1]}}, nil
}
