package main

import (
	"encoding/json"
	"flag"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// policy FILE [--signers N] [--name NAME] [--mode MODE] KEY… writes a policy that trusts the keys.
func cmdPolicy(ts *testscript.TestScript, _ bool, args []string) {
	flags := flag.NewFlagSet("policy", flag.ContinueOnError)
	signers, name, mode := flags.Int("signers", 1, ""), flags.String("name", "tiny", ""), flags.String("mode", "enforce", "")
	ts.Check(flags.Parse(args[1:]))
	var keys []any
	for _, k := range flags.Args() {
		keys = append(keys, map[string]any{"pem": ts.ReadFile(k)})
	}
	text, err := json.Marshal(map[string]any{"version": 1, "mode": *mode, "keys": keys, "signers": *signers, "name": *name})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
}

// sameid A B: two JSON documents have the same model_id.
func cmdSameID(ts *testscript.TestScript, _ bool, args []string) {
	var ids [2]struct {
		ModelID string `json:"model_id"`
	}
	for i := range ids {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &ids[i]))
	}
	if ids[0] != ids[1] || ids[0].ModelID == "" {
		ts.Fatalf("%+v", ids)
	}
}
