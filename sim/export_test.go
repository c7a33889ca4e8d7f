package sim

import (
	"fmt"
	"testing"
)

// What the tests in package sim_test, which may import the packages above sim, use
// of the tests in here.

// CompareState compares a body of /master/state with the list of its fields.
func CompareState(t *testing.T, name string, body []byte) {
	t.Helper()
	loadShape(t, "state.shape", "shared.shape").compare(t, name, body, map[string]bool{})
}

// EventTypes are the types of events that a stream can have.
const EventTypes = eventTypes

// StrictEvent decodes an event by the letter of the documentation.
func StrictEvent(message []byte) (kind string, err error) {
	var e strictEvent
	if err := strictly(message, &e); err != nil {
		return "", err
	}
	return *e.Type, e.one()
}

// StrictState decodes the response to GET_STATE by the letter of the
// documentation.
func StrictState(body []byte) error {
	var r strictResponse
	err := strictly(body, &r)
	if err == nil && (*r.Type != "GET_STATE" || r.GetState == nil) {
		err = fmt.Errorf("a response of type %s", *r.Type)
	}
	return err
}

// CheckHeld is checkHeld.
func CheckHeld(t *testing.T, c *Cluster) { t.Helper(); checkHeld(t, c) }

// Follow subscribes to a cluster and returns a function that takes the records that
// have come since.
func Follow(c *Cluster) func() [][]byte {
	s := newSubscriber(nil, nil, 1<<30)
	c.subscribe(s, 1)
	return func() [][]byte {
		records, _ := s.take()
		return records
	}
}
