package main

import (
	"crypto"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// recordedAnswer is an HPKE ciphertext: it is random, so it was made once. [exchangeVector] opens it each time.
//
//go:embed release_answer.hex
var recordedAnswer string

// exchangeVector is one whole key release, with every key in the open (docs/keyrelease.md).
func exchangeVector() (vector, error) {
	identity, err := fixedKey()
	if err != nil {
		return vector{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(identity.Public())
	if err != nil {
		return vector{}, err
	}
	seed, challengeKey := fill(32, 0x40), fill(32, 0x20)
	e, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		return vector{}, err
	}
	server := transcript.KeyHash(transcript.SuiteECDSAP256, spki)

	token := append(binary.BigEndian.AppendUint64(nil, 1_800_000_120), fill(24, 0x90)...)
	mac := hmac.New(sha256.New, challengeKey)
	mac.Write(transcript.New("holdfast/release-challenge-mac/v1").Bytes(server[:]).Bytes(token).Encoding())
	token = mac.Sum(token)
	tokenSig, err := signDigest(identity, transcript.New("holdfast/release-challenge-signature/v1").Bytes(server[:]).Bytes(token).SHA256())
	if err != nil {
		return vector{}, err
	}
	keyset, commitment := fill(100, 5), hexOf(fill(32, 2))
	claims := fmt.Sprintf(`{"version":1,"name":"tiny-stories","min_version":7,"seal":"%s","commitment":"%s","config":"%s"}`,
		hexOf(fill(32, 1)), commitment, hexOf(fill(32, 3)))
	evidence, key := []byte(`{"kind":"simulated"}`), e.PublicKey().Bytes()
	info := transcript.New("holdfast/release/v1").String(keyrelease.Suite).Bytes(server[:]).Bytes(token).Bytes(key).
		Bytes([]byte(claims)).Bytes(sum(evidence)).Encoding()
	grant, err := json.Marshal(map[string]any{
		"version": 1, "keyset": keyset, "server_time": "2027-01-15T08:00:00Z", "min_version": 7,
		"deny_list": map[string]any{"number": 3, "digest": hexOf(fill(32, 9))}, "rules_min_version": 11,
	})
	if err != nil {
		return vector{}, err
	}
	sealed, err := recorded(e, info, grant)
	if err != nil {
		return vector{}, err
	}
	answerSig, err := signDigest(identity, transcript.New("holdfast/release-response/v1").Bytes(info).Bytes(sealed).SHA256())
	if err != nil {
		return vector{}, err
	}
	challenge := transcript.New("holdfast/release-challenge/v1").Bytes(server[:]).Bytes(token).SHA256()
	rd := keyrelease.ReportData(challenge, transcript.KeyHash(transcript.SuiteMLKEM768X25519, key), [32]byte(sum([]byte(claims))))
	text := func(v any) string {
		b, _ := json.Marshal(v) // maps of strings, numbers and bytes
		return string(b)
	}
	return vector{"every message, with all keys in the open", "release-exchange",
		map[string]any{
			"spki": hexOf(spki), "challenge_key": hexOf(challengeKey), "seed": hexOf(seed),
			"challenge_response": text(map[string]any{"version": 1, "token": token, "signature": tokenSig}),
			"release_request": text(map[string]any{
				"version": 1, "suite": keyrelease.Suite, "token": token, "key": key, "claims": []byte(claims), "evidence": evidence,
			}),
			"release_response": text(map[string]any{"version": 1, "sealed": sealed, "signature": answerSig}),
		},
		map[string]any{
			"expires": 1_800_000_120, "report_data": hexOf(rd[:]), "commitment": commitment, "keyset": hexOf(keyset),
			"server_time": "2027-01-15T08:00:00Z", "min_version": 7, "deny_list": 3, "rules_min_version": 11,
		}}, nil
}

func signDigest(key crypto.Signer, d [32]byte) ([]byte, error) {
	return key.Sign(nil, d[:], crypto.SHA256)
}

// recorded is the answer that was made once, as long as it opens to what it should.
func recorded(e hpke.PrivateKey, info, grant []byte) ([]byte, error) {
	sealed, err := hex.DecodeString(strings.TrimSpace(recordedAnswer))
	if err == nil {
		var pt []byte
		if pt, err = hpke.Open(e, hpke.HKDFSHA256(), hpke.AES256GCM(), info, sealed); err == nil && string(pt) != string(grant) {
			err = errors.New("another plaintext")
		}
	}
	if err == nil {
		return sealed, nil
	}
	fresh, sealErr := hpke.Seal(e.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), info, grant)
	if sealErr != nil {
		return nil, sealErr
	}
	return nil, fmt.Errorf("release_answer.hex does not open (%w); for a change on purpose put this in it: %x", err, fresh)
}
