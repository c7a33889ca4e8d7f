// Package names numbers domain names. Those who keep something by name need an
// array then instead of a map each, and the bytes of a name are kept once.
package names
