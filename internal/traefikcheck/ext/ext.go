// Package ext stands in for a part of Traefik that its own module replaces by a
// folder, which other modules cannot see. The part is empty in the free version.
package ext

// HTTP is embedded in the HTTP part of a configuration.
type HTTP struct{}

// DeepCopyInto copies nothing.
func (*HTTP) DeepCopyInto(*HTTP) {}

// Router is embedded in routers.
type Router struct{}

// DeepCopyInto copies nothing.
func (*Router) DeepCopyInto(*Router) {}
