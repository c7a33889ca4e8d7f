// Package upstream sends questions to other DNS servers, for names that this server
// cannot answer itself.
//
// It is used by package resolver, the last stage of the data, and knows nothing
// about zones, caches or clients: it takes a question and returns the
// response of one of the servers that may be asked.
//
// A [Client] holds the servers, each once, however many groups name it. A [Group]
// holds the servers for one part of the name space: it asks the fastest one, and
// another one when no response comes within the first one's usual time. Questions
// share a few sockets with random ports and are distinguished by random ids.
//
// What always holds: the handler of a question is called exactly once with the result of
// it, within the timeout; asking never waits for the network; a response counts
// only when address, port, id and question are right; no ICMP message ends more
// than the query that it quotes; and the number of sockets does not depend on the
// number of questions.
package upstream
