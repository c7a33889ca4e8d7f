// Package importrules tests that packages import each other in one direction
// only: from the cluster's state towards the answers.
package importrules
