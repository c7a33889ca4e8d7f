// Package traefikcheck holds what api/traefik makes against Traefik's own code. Its
// test has the build tag traefik and its own list of modules:
//
//	go test -modfile internal/traefikcheck/traefik.mod -tags traefik ./internal/traefikcheck
package traefikcheck
