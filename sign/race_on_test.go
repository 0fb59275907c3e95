//go:build race

package sign_test

// raceDetector makes everything slow: exhaustive tests leave out what differs only in how bytes are read.
const raceDetector = true
