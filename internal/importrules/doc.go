// Package importrules tests rules about the source of all packages: that they
// import each other in one direction only, from the cluster's state towards the
// answers, that durations do not depend on the wall clock, and that the files
// named in the documentation exist.
package importrules
