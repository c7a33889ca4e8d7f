// Package compare finds where the records of Toponym differ from those of Mesos-DNS
// for the same cluster, and which of the differences are documented.
//
// It stands beside the way of the data: it takes a record set ([NewSource]) and an
// answer of /v1/axfr of Mesos-DNS ([ReadAXFR]), and makes a [Report]. Who reads the
// master and asks Mesos-DNS is the caller.
//
//  1. [Diff] lists the data that only one side has, by name and type.
//  2. [Persisting] drops what was only there because the cluster changed between the
//     two readings.
//  3. [Explain] takes each datum that is left. If Toponym with another setting agrees
//     with Mesos-DNS about it, that setting explains it: this is found out by making
//     the records with that setting, not by the look of the datum. Otherwise the rules
//     for differences that no setting removes are tried.
//
// Each rule names a row of docs/differences.md by its anchor, which provides the
// texts of the report. A datum without a rule is unexplained.
//
// What always holds: nothing here reads a clock, a file or a network, and the memory
// that an answer of Mesos-DNS takes is bounded by [Limits].
package compare
