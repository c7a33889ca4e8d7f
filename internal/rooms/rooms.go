// Package rooms holds the order of the packages of this project: which may
// know which. Its test is what keeps it.
package rooms
