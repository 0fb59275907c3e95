package keyrelease

import (
	"context"
	"errors"
	"maps"
	"testing"
)

// server makes the world's server and has its messages served.
func (w *world) server(t *testing.T) *Server {
	t.Helper()
	w.start(t)
	return w.served
}

// A server takes new rules while it runs: a raised floor counts from the next request on, for guests that have been served
// before as well.
func TestUpdate(t *testing.T) {
	w := newWorld(t)
	s := w.server(t)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	cfg := w.config
	cfg.Models = maps.Clone(cfg.Models)
	m := cfg.Models["tiny"]
	m.MinVersion = 8
	cfg.Models["tiny"] = m
	if err := s.Update(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeVersion)(err) {
		t.Errorf("after the minimum version was raised: %v", err)
	}
	delete(cfg.Models, "tiny")
	cfg.Models["other"] = m
	cfg.DenyList = &DenyList{Number: 4}
	if err := s.Update(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeModel)(err) {
		t.Errorf("after the model was left out: %v", err)
	}
}

// No update lowers what guests were told, and one that is refused changes nothing.
func TestUpdateNeverSinks(t *testing.T) {
	for name, change := range map[string]func(c *ServerConfig){
		"minimum version": func(c *ServerConfig) {
			m := c.Models["tiny"]
			m.MinVersion--
			c.Models["tiny"] = m
		},
		"deny list":          func(c *ServerConfig) { c.DenyList = &DenyList{Number: 2} },
		"no deny list":       func(c *ServerConfig) { c.DenyList = nil },
		"another deny list":  func(c *ServerConfig) { c.DenyList = &DenyList{Number: 3} },
		"rules":              func(c *ServerConfig) { c.RulesMinVersion-- },
		"no verifier":        func(c *ServerConfig) { c.Verify = nil },
		"no models":          func(c *ServerConfig) { c.Models = nil },
		"a model for nobody": func(c *ServerConfig) { c.Models["other"] = Model{} },
	} {
		w := newWorld(t)
		s := w.server(t)
		cfg := w.config
		cfg.Models = maps.Clone(cfg.Models)
		change(&cfg)
		if err := s.Update(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
			t.Errorf("%s: the rules before are gone: %v", name, err)
		}
	}
	w := newWorld(t)
	if err := w.server(t).Update(ServerConfig{Verify: w.config.Verify, Models: w.config.Models, DenyList: w.config.DenyList, RulesMinVersion: 11}); err != nil {
		t.Errorf("the same rules again: %v", err)
	}
}

// A model that one update leaves out and a later one names again has the floor that guests were told.
func TestFloorOutlivesModel(t *testing.T) {
	w := newWorld(t)
	s := w.server(t)
	without, back := w.config, w.config
	tiny := w.config.Models["tiny"]
	without.Models = map[string]Model{"other": tiny}
	for range 2 {
		if err := s.Update(without); err != nil {
			t.Fatal(err)
		}
	}
	lower := tiny
	lower.MinVersion--
	back.Models = map[string]Model{"tiny": lower}
	if err := s.Update(back); !errors.Is(err, ErrConfig) {
		t.Errorf("the model is back with a lower minimum version: %v", err)
	}
	back.Models = map[string]Model{"tiny": tiny}
	if err := s.Update(back); err != nil {
		t.Errorf("the model is back as it was: %v", err)
	}
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Error(err)
	}
}

// A request ends by the rules that it began with, and what a caller does to its configuration afterwards changes none.
func TestRulesAreOneSet(t *testing.T) {
	w := newWorld(t)
	var s *Server
	next := ServerConfig{
		Verify: w.vendor.verify, DenyList: &DenyList{Number: 9}, RulesMinVersion: 99,
		Models: map[string]Model{"tiny": {MinVersion: 8, Versions: []Version{{Version: 7, Keyset: w.v7}}, InsecureAnyConfig: true}},
	}
	w.config.Verify = func(ctx context.Context, ev []byte, rd [64]byte) (Machine, error) {
		if err := s.Update(next); err != nil {
			t.Error(err)
		}
		return w.vendor.verify(ctx, ev, rd)
	}
	list := *w.config.DenyList
	w.client.DenyList = &list
	s = w.server(t)
	w.config.Models["tiny"].Configs[0][0]++ // the server has its own
	w.config.Models["tiny"].Require["measurement"] = nil
	w.config.DenyList.Number = 7
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	if f, _ := w.client.Floors(); f.MinVersion != 7 || f.DenyList.Number != 3 || f.RulesMinVersion != 11 {
		t.Errorf("floors of two sets of rules: %+v", f)
	}
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeVersion)(err) {
		t.Errorf("the next request: %v", err)
	}
}
