// Package traefikcheck holds what api/traefik makes against Traefik's own code,
// which depends on hundreds of modules. They are not in go.mod: the package is below
// testdata, where other commands do not look, and its test has a list of modules
// and a build tag of its own:
//
//	go test -modfile api/traefik/testdata/traefikcheck/traefik.mod -tags traefik ./api/traefik/testdata/traefikcheck
package traefikcheck
