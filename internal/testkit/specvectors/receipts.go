package main

import (
	"crypto/x509"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/receipt"
)

// receiptVectors are one exchange with its salt and the receipt that covers it.
func receiptVectors() ([]vector, error) {
	key, err := fixedKey()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	salt, chain, mbom := fill32(0x11), attest.Digest(fill32(1)), attest.Digest(fill32(2))
	request, response := `{"messages":[{"role":"user","content":"When does the harbour open?"}]}`, "data: {\"text\":\"At six.\"}\n\ndata: [DONE]\n\n"
	env, err := receipt.Sign(key, receipt.Receipt{
		Chain: chain, Epoch: 1, ModelID: attest.Digest(fill32(3)), MBOM: &mbom,
		Request: receipt.MAC(salt, []byte(request)), Response: receipt.MAC(salt, []byte(response)),
		Complete: true, Seq: 42, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	if err != nil {
		return nil, err
	}
	r, err := receipt.Verify(&key.PublicKey, chain, env)
	if err != nil {
		return nil, err
	}
	if err := r.Covers(salt, []byte(request), []byte(response)); err != nil {
		return nil, err
	}
	return []vector{{"a streamed answer", "receipt",
		map[string]any{"spki": hexOf(spki), "envelope": string(env), "salt": hexOf(salt[:]), "request": request, "response": response},
		map[string]any{"chain": r.Chain.String(), "epoch": r.Epoch, "model_id": r.ModelID.String(), "mbom": r.MBOM.String(),
			"complete": r.Complete, "seq": r.Seq}}}, nil
}
