// Package snapshot keeps the cluster on disk, so that a server that starts
// while no master answers knows what the one before it knew.
//
// It stands beside package state/master, below package state: both fill a
// cluster. It knows no clock and starts nothing; who calls it decides when to
// write.
//
// A file is replaced whole or not at all, also when the power fails. What is
// read has been checked against its checksum before it is looked at. Whatever
// a file holds, reading it neither panics nor takes more memory than in
// proportion to the file's size. Neither direction ever holds a whole file in
// memory.
package snapshot
