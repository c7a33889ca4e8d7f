// Package fakemesosdns stands in for Mesos-DNS 0.10 in tests.
//
// It is a second, independent implementation of the rules by which Mesos-DNS makes
// records of a master's state, written from its public documentation and source. It
// shares no code with package records, so that the two can be compared. It is not
// Mesos-DNS: where both implementations misread a rule in the same way, no test
// shows it.
//
// What always holds: Generate depends on its arguments only, and looks up no host
// names.
package fakemesosdns
