// Package master reads the state of the leading Mesos master.
//
// It stands at the beginning of the way of the data and gives the owner of a
// state.Cluster one event after the other. It finds the leader with the help
// of package state/leader, decodes what it says as a stream, and resolves the
// host names in it.
//
// What a master answers is either taken whole or refused whole: an answer
// that is cut off, is not JSON, is too large or names no leader changes
// nothing. Inside of a good answer, a bad task or agent costs itself only.
package master
