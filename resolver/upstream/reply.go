package upstream

import "toponym/internal/dnswire"

// Asker is told what came of a question.
type Handler interface {
	// Read makes of a reply what the asker needs, or gives an error for one that
	// makes no sense: then a better one is waited for, as it may come from
	// somebody who forges replies. It is called for each reply that may be the
	// answer, from several goroutines. The message is valid until it returns.
	OnResponse(msg []byte) (Result, error)

	// Answered is called once: with what Read has made of the reply, or with an
	// error.
	//
	// Neither must wait for anything, as other replies come in by the same
	// goroutine.
	Done(reply Result, err error)
}

// Reply is what an asker makes of a reply.
type Result any

// heard is a reply to an attempt.
type parsedResponse struct {
	rcode     int
	truncated bool
	result    Result // nil: it says no more than the code
}

// hear reads a reply to the question. It reports false for one that says nothing:
// the attempt goes on, as the message may be forged, or broken on its way.
func (a *attempt) parse(msg []byte) (h parsedResponse, ok bool) {
	h.rcode, h.truncated = rcode(msg), truncated(msg)
	if len(msg) == dnswire.HeaderSize {
		return h, true // such is the reply of who could not read the query
	}
	reply, err := a.x.handler.OnResponse(msg)
	if err == nil {
		h.result = reply
		return h, true
	}
	// What is cut, maybe within a record, or is no answer has told enough.
	return h, h.truncated && !a.overStream || retryable(h.rcode)
}
