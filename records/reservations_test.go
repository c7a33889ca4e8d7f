package records

import (
	"strconv"
	"testing"
	"time"

	"toponym/state"
)

func TestReservationsAreBoundedAndTheOldestGoFirst(t *testing.T) {
	var r reservations
	start := time.Unix(1_800_000_000, 0)
	task := &state.Task{Key: state.TaskKey{Framework: "f"}, Name: "db"}
	other := &state.Task{Key: state.TaskKey{Framework: "f"}, Name: "other"}
	name := func(i int) Name { return Name("\x06" + strconv.Itoa(100_000+i) + "\x00") }
	const more = 10
	for i := range maxReservations + more {
		r.add(name(i), task, start.Add(time.Duration(i)*time.Millisecond))
	}
	var ended []Name
	r.expire(time.Time{}, func(n Name) { ended = append(ended, n) })
	if len(ended) != more || len(r.queue) != maxReservations || len(r.byName) != maxReservations {
		t.Errorf("%d reservations ended, %d and %d are left, want %d, %d", len(ended), len(r.queue), len(r.byName), more, maxReservations)
	}
	for i, want := range map[int]bool{0: true, more - 1: true, more: false, maxReservations: false} {
		if got := r.permits(name(i), other, TakeoverGroup); got != want {
			t.Errorf("reservation %d permits others: %v, want %v", i, got, want)
		}
	}
	r.expire(start.Add(time.Hour), func(Name) {})
	if len(r.queue)+len(r.byName) > 0 {
		t.Errorf("%d and %d reservations are left after their end, want none", len(r.queue), len(r.byName))
	}
}

// Of more apps than a reservation lists, nobody may have the name.
func TestAReservationOfManyAppsPermitsNobody(t *testing.T) {
	var r reservations
	until := time.Unix(1_800_000_000, 0)
	for i := range maxReservers + 1 {
		r.add("\x02db\x00", &state.Task{Name: "db.group" + strconv.Itoa(i)}, until)
	}
	if len(r.byName["\x02db\x00"]) != maxReservers {
		t.Errorf("got a list of %d apps, want %d", len(r.byName["\x02db\x00"]), maxReservers)
	}
	if r.permits("\x02db\x00", &state.Task{Name: "x.group" + strconv.Itoa(maxReservers)}, TakeoverGroup) {
		t.Error("a task of one of the groups may have the name, want that nobody may")
	}
}
