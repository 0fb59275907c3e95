// Package cputime says what this process has used of the machine's processors. Unlike a clock it does not count waiting for them, so that
// what is measured with it means the same on a machine that is shared.
package cputime
