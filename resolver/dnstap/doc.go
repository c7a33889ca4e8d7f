// Package dnstap writes queries and responses to a dnstap consumer (dnstap.info): over
// a Unix socket or TCP, or to a file.
//
// It stands behind package tap: those who answer queries encode their messages into
// memory that is bounded, and one goroutine writes it. What there is no room for, or
// what is above the rate, is dropped and counted.
//
// What always holds: a consumer that is slow, hung or gone costs messages, and never
// delays an answer.
package dnstap
