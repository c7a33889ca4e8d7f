// Package secondaries knows what each secondary server has: which versions of the
// zones, since when it lacks the newest, and what it asked, got and was told.
//
// A [Table] learns it from package transfer, which answers secondaries, and from
// package notify, which tells them of new versions. Nobody asks a secondary.
//
// What always holds: the table is bounded, and only clients are in it that may have
// the zones; who tells it something never waits for more than a look at the table.
package secondaries
