// Package snapshot keeps the state of the cluster in a file, so that a server that
// starts while no master answers has the state of its predecessor.
//
// Like package state/master it is a source of the full state for a cluster. It
// starts nothing; the caller decides when to write.
//
// A file is replaced completely or not at all, even if the power fails, and
// one process at a time uses it. Every block is checked against its checksum
// before it is decoded. Reading never panics, whatever the file holds, and takes
// memory in proportion to the size of the file at most. Neither reading nor writing
// keeps a whole file in memory.
package snapshot
