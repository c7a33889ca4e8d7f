// Package upstream asks other servers for what is not answered here.
//
// It stands inside of package resolver, at the end of the way of the data, and
// knows nothing of zones, caches or clients: it takes a question and gives back
// the reply of one of the servers that may be asked.
//
// A [Client] has the servers, each once, however many groups name it. A [Group]
// is the servers of one part of the names: it asks the fastest, and the next one
// when that does not answer within its usual time. Questions share few sockets
// with random ports, told apart by random ids.
//
// What always holds: who asks is told exactly once what came of it, within the
// timeout; asking never waits for the network; a reply counts only when address,
// port, id and question are right; and the number of sockets does not depend on
// the number of questions.
package upstream
