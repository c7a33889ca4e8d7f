// Package traefik makes dynamic configurations of Traefik from the labels of
// tasks, as Traefik's former provider for Marathon did.
//
// It stands between package records, whose instances it reads, and package api,
// which answers with the result. fields.txt lists what labels may set, fields.go
// turns the labels of an app into a part of a configuration, and traefik.go adds
// routers, services and servers and puts the parts together.
//
// What always holds: everything here is a pure function. Traefik refuses a
// configuration as a whole for one unknown field or value, so an app whose labels
// are wrong is left out and reported, and never affects another.
package traefik
