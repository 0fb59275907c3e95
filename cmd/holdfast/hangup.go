//go:build !js

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup has SIGHUP sent to hup. Windows has none, and nothing comes.
func notifyHangup(hup chan<- os.Signal) { signal.Notify(hup, syscall.SIGHUP) }
