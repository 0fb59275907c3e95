// Command proxy puts the guard in front of a server that already runs: vLLM, SGLang, llama.cpp, Ollama or KServe. It is meant to
// be copied; [New] is all there is to it.
//
//	proxy -new-key alice -tenant blue   # a key for a caller, and its entry in keys.json: {"version": 1, "keys": [ENTRY…]}
//	UPSTREAM_KEY=… proxy -upstream http://127.0.0.1:8000 -server vllm -model NAME -canary canary-5e1f09 -keys keys.json
//
// Callers are not trusted: their system messages count as their own words. The canary, which is to stand in the system prompt,
// and the text of -system-prompt are what answers may not give away. -policy takes a whole policy instead (package guard has its
// fields). Only the proxy may reach the upstream: let it listen on loopback, or on a network of its own, and want UPSTREAM_KEY
// (vLLM's --api-key).
//
// In Kubernetes: -addr 0.0.0.0:8080 with -insecure-plain-http where an ingress or a mesh ends TLS. Every route wants a key, those of
// health too: probe the port, or give the probe a key of its own in an Authorization header.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/caller"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // what Kubernetes and systemd send
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends at once
	switch err := run(ctx, os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "proxy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	upstream := flags.String("upstream", "", "URL of the server with the model")
	server := flags.String("server", "vllm", "what it is: vllm, llama.cpp, ollama or kserve")
	model := flags.String("model", "", "the model that may be asked for, as the server calls it")
	canary := flags.String("canary", "", "text of the system prompt that no answer may contain, 8 bytes at least")
	prompt := flags.String("system-prompt", "", "file with a system prompt that no answer may repeat")
	policy := flags.String("policy", "", "guard policy in JSON, in place of the four flags above")
	keys := flags.String("keys", "", "file of API keys")
	anybody := flags.Bool("insecure-anybody", false, "serve without API keys")
	addr := flags.String("addr", "127.0.0.1:8080", "address to serve on")
	plain := flags.Bool("insecure-plain-http", false, "serve without TLS on addresses other than loopback, where something in front ends it")
	certFile := flags.String("tls-cert", "", "certificate chain, PEM")
	keyFile := flags.String("tls-key", "", "its private key, PEM")
	newKey := flags.String("new-key", "", "print a new API key with this id, and end")
	tenant := flags.String("tenant", "", "tenant of the new key")
	if err := flags.Parse(args); err != nil {
		return err
	}
	given := make(map[string]bool)
	empty := ""
	flags.Visit(func(f *flag.Flag) {
		if given[f.Name] = true; f.Value.String() == "" {
			empty = f.Name
		}
	})
	switch { // what would not be looked at is refused: it was meant to hold
	case empty != "": // a variable that is not set, perhaps
		return fmt.Errorf("-%s is empty: leave it out", empty)
	case flags.NArg() > 0:
		return fmt.Errorf("%q is no flag, and those behind it were not read", flags.Arg(0))
	case given["policy"] && (given["server"] || given["model"] || given["canary"] || given["system-prompt"]):
		return errors.New("-policy has what -server, -model, -canary and -system-prompt say: write it there")
	case given["keys"] && *anybody:
		return errors.New("-keys and -insecure-anybody exclude each other")
	case given["tenant"] && *newKey == "":
		return errors.New("-tenant is for -new-key")
	}
	if *newKey != "" {
		return printKey(*newKey, *tenant)
	}
	to, err := readUpstream(*upstream)
	if err != nil {
		return err
	}
	cfg := Config{Upstream: to, Secret: os.Getenv("UPSTREAM_KEY"), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if cfg.Policy, err = readPolicy(*policy, guard.Server(*server), *model, *canary, *prompt); err != nil {
		return err
	}
	switch {
	case *keys != "":
		data, err := os.ReadFile(*keys)
		if err != nil {
			return err
		}
		if cfg.Keys, err = caller.ParseKeys(data); err != nil {
			return fmt.Errorf("%s: %w", *keys, err)
		}
	case !*anybody:
		return errors.New("give -keys, or -insecure-anybody where something else tells who calls")
	}
	h, err := New(cfg)
	if err != nil {
		return err
	}
	var cert *tls.Certificate
	if *certFile != "" || *keyFile != "" {
		pair, err := tls.LoadX509KeyPair(*certFile, *keyFile)
		if err != nil {
			return err
		}
		cert = &pair
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	if ip := ln.Addr().(*net.TCPAddr).IP; cert == nil && !*plain && !ip.IsLoopback() {
		return errors.Join(errors.New("keys and prompts would cross the network in clear: give -tls-cert and -tls-key, or -insecure-plain-http where something in front ends TLS"), ln.Close())
	}
	cfg.Log.InfoContext(ctx, "proxy: serving", "address", ln.Addr().String(), "upstream", to.Redacted())
	return Serve(ctx, ln, h, cert, cfg.Log)
}

// readUpstream reads the address of the server. Credentials in it would not reach that server, and a query would, and be logged.
func readUpstream(text string) (*url.URL, error) {
	to, err := url.Parse(text)
	switch {
	case err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "":
		return nil, errors.New("-upstream is an http or https URL")
	case to.User != nil || to.RawQuery != "" || to.Fragment != "":
		return nil, errors.New("-upstream has more than a host and a path: a key comes from UPSTREAM_KEY")
	}
	return to, nil
}

// readPolicy reads a policy, or makes one for callers who are not trusted.
func readPolicy(file string, server guard.Server, model, canary, prompt string) (guard.Policy, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return guard.Policy{}, err
		}
		p, err := guard.ParsePolicy(data)
		if err != nil {
			return p, fmt.Errorf("%s: %w", file, err)
		}
		return p, nil
	}
	p := guard.UntrustedPolicy()
	if p.Routes = guard.ServerRoutes(server); p.Routes == nil {
		return p, fmt.Errorf("-server %q is none of vllm, llama.cpp, ollama and kserve", server)
	}
	if model == "" {
		return p, errors.New("-model is needed: a server takes more for a name than one would think")
	}
	p.Models = []string{model}
	if canary != "" {
		p.Canary = []string{canary}
	}
	if prompt != "" {
		text, err := os.ReadFile(prompt)
		if err != nil {
			return p, err
		}
		p.SystemPrompts = []string{string(text)}
	}
	return p, nil
}

// printKey prints the key for the caller, which is shown once, and the entry for the file of keys.
func printKey(id, tenant string) error {
	text, key, err := caller.NewKey(id, tenant)
	if err != nil {
		return err
	}
	entry, err := json.Marshal(key)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("key   %s\nentry %s\n", text, entry)
	return err
}
