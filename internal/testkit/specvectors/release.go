package main

import (
	"encoding/hex"
	"fmt"

	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// releaseVectors are the contexts of a key release. Package keyrelease keeps the functions to itself: its own test
// compares them with this file.
func releaseVectors() ([]vector, error) {
	server := transcript.KeyHash(transcript.SuiteECDSAP256, fill(91, 7))
	token, key, evidence, sealed := fill(64, 0x10), fill(40, 0x60), []byte(`{"kind":"simulated"}`), fill(48, 0xc0)
	const suite = keyrelease.Suite
	claims := fmt.Sprintf(`{"version":1,"name":"tiny-stories","min_version":7,"seal":"%s","commitment":"%s","config":"%s"}`,
		hexOf(fill(32, 1)), hexOf(fill(32, 2)), hexOf(fill(32, 3)))

	challenge := transcript.New("holdfast/release-challenge/v1").Bytes(server[:]).Bytes(token).SHA256()
	tokenDigest := transcript.New("holdfast/release-challenge-signature/v1").Bytes(server[:]).Bytes(token).SHA256()
	keyHash := transcript.KeyHash(transcript.SuiteMLKEM768X25519, key)
	reportData := keyrelease.ReportData(challenge, keyHash, [32]byte(sum([]byte(claims))))
	info := transcript.New("holdfast/release/v1").String(suite).Bytes(server[:]).Bytes(token).Bytes(key).
		Bytes([]byte(claims)).Bytes(sum(evidence)).Encoding()
	response := transcript.New("holdfast/release-response/v1").Bytes(info).Bytes(sealed).SHA256()
	whole, err := exchangeVector()
	if err != nil {
		return nil, err
	}
	return []vector{{"one exchange", "release",
		map[string]any{"server": hexOf(server[:]), "suite": suite, "token": hexOf(token), "key": hexOf(key), "claims": claims,
			"evidence": string(evidence), "sealed": hexOf(sealed)},
		map[string]any{"challenge": hexOf(challenge[:]), "challenge_signed": hexOf(tokenDigest[:]), "report_data": hex.EncodeToString(reportData[:]),
			"info": hexOf(info), "response_signed": hexOf(response[:])}}, whole}, nil
}
