package main

import (
	"encoding/json"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// denypolicy FILE KEY DENYKEY writes a policy that asks for a deny list.
func cmdDenyPolicy(ts *testscript.TestScript, _ bool, args []string) {
	text, err := json.Marshal(map[string]any{
		"version": 1, "keys": []any{map[string]any{"pem": ts.ReadFile(args[1])}}, "name": "tiny",
		"deny_list": map[string]any{"keys": []string{ts.ReadFile(args[2])}},
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
}

// denymodel FILE NUMBER DIGEST writes a deny list of the model that holdfast digest --json described.
func cmdDenyModel(ts *testscript.TestScript, _ bool, args []string) {
	var model struct {
		ModelID string `json:"model_id"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[2])), &model))
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	text, err := json.Marshal(map[string]any{
		"version": 1, "number": number, "expires": "2099-01-01T00:00:00Z", "models": []any{map[string]string{"model_id": model.ModelID, "reason": "backdoor"}},
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
}

// samedigest A B: two JSON documents have the same digest.
func cmdSameDigest(ts *testscript.TestScript, _ bool, args []string) {
	var docs [2]struct{ Digest string }
	for i := range docs {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &docs[i]))
	}
	if docs[0] != docs[1] || docs[0].Digest == "" {
		ts.Fatalf("%+v", docs)
	}
}
