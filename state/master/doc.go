// Package master reads the state of the leading Mesos master.
//
// It stands at the beginning of the way of the data. A [Watcher] asks the
// masters that package state/leader names, decodes what the leader answers,
// resolves the host names in it, and keeps a state.Replica up to date, which its
// [Owner] turns into names. The state comes as a stream of events, with a full
// state beside it from time to time (a resync), or by polling.
//
// Always true: an answer is taken in whole or not at all. One that is cut off,
// is not JSON, is too large or names no leader changes nothing. In a good answer
// a bad task or agent costs only itself.
package master
