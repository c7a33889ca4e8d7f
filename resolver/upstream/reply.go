package upstream

// Asker is told what came of a question.
type Asker interface {
	// Read makes of a reply what the asker needs, or gives an error for one that
	// makes no sense: then a better one is waited for, as it may come from
	// somebody who forges replies. It is called for each reply that may be the
	// answer, from several goroutines. The message is valid until it returns.
	Read(msg []byte) (Reply, error)

	// Answered is called once: with what Read has made of the reply, or with an
	// error.
	//
	// Neither must wait for anything, as other replies come in by the same
	// goroutine.
	Answered(reply Reply, err error)
}

// Reply is what an asker makes of a reply.
type Reply any

// heard is a reply to an attempt.
type heard struct {
	code  int
	cut   bool
	reply Reply // nil: it says no more than the code
}

// hear reads a reply to the question. It reports false for one that says nothing:
// the attempt goes on, as the message may be forged, or broken on its way.
func (a *attempt) hear(msg []byte) (h heard, ok bool) {
	h.code, h.cut = rcode(msg), truncated(msg)
	if len(msg) == headerSize {
		return h, true // such is the reply of who could not read the query
	}
	reply, err := a.x.asker.Read(msg)
	if err == nil {
		h.reply = reply
		return h, true
	}
	// What is cut, maybe within a record, or is no answer has told enough.
	return h, h.cut && !a.stream || retryable(h.code)
}
