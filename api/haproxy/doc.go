// Package haproxy writes configurations of HAProxy from labels of tasks, those that
// Marathon-LB has defined.
//
// A configuration depends on the apps of the cluster and not on their instances:
// servers are templates that HAProxy fills in with SRV records. So the file changes
// when apps come, go or change their labels, and instances are followed by DNS.
//
//  1. collect groups instances by app (app.go).
//  2. The labels of an app become services, one for each of its ports (labels.go,
//     health_check.go).
//  3. A Table remembers services and what they claim: hosts, paths and ports. It
//     decides who gets what several have claimed (table.go, routes.go).
//  4. The services of some groups are written as a configuration (render.go).
//
// Labels are written by tenants who may be hostile. What always holds: no value of a
// label reaches the configuration unless all of its characters are known to be
// harmless there, comments excepted, where it is quoted; whatever is not understood
// and may restrict access takes the port out of the configuration; and everything
// that a tenant can multiply has a limit.
package haproxy
