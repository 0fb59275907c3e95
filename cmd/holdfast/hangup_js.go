package main

import "os"

// notifyHangup does nothing: there is no SIGHUP here, and to ask for no signal by name would ask for all.
func notifyHangup(chan<- os.Signal) {}
