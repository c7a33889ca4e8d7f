// Package dnswire reads the wire form of DNS messages (RFC 1035, section 4)
// without allocating: header fields, names, and records.
//
// The packages that handle packets themselves share it. Everything that needs
// more than a look at a few bytes uses github.com/miekg/dns.
//
// No function here panics on input from a network. Functions that need a checked
// name say so.
package dnswire
