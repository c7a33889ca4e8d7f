package notify

import (
	"net/netip"
	"time"

	"toponym/internal/backoff"
	"toponym/records"
)

const (
	// firstReminder is how long after its acknowledgment a message is sent again, if
	// the secondary has not come for the version by then. Most ask within
	// milliseconds, but some acknowledge what they then forget, since they are busy
	// with a transfer. The time doubles with each reminder, up to lastRetry. With
	// them a message is not sent more than maxTries times either.
	firstReminder = 2 * time.Second

	// maxUnsure is how many reminders there are at most where it is not known whether
	// the secondary has come.
	maxUnsure = 4

	// reminderPause is added to the time for each zone for which the target may need a
	// reminder, so that it gets no more than about 20 of them per second, as many
	// zones as it may lack.
	reminderPause = 50 * time.Millisecond
)

// Progress is how far a secondary has come with a version.
type Progress int

const (
	// Unknown says that the secondary may have the version or not: it asks from
	// another address than that of the target, shares it with another target, or has
	// asked for the SOA record and not transferred the zone.
	Unknown Progress = iota

	// Behind says that the secondary has not asked for the version.
	Behind

	// Reached says that the secondary has the version, or knows of it.
	Reached
)

// ProgressFunc tells how far a target has come with the version of a zone. It must not
// wait, nor call the sender.
type ProgressFunc func(to netip.AddrPort, zone records.Name, serial uint32) Progress

// acknowledged takes in that the newest version was acknowledged. The secondary is
// reminded of it later, unless it has come for it by then.
func (s *schedule) acknowledged(e *entry, now time.Time) {
	switch {
	case s.progress == nil:
		s.unschedule(e)
	case !e.reminding:
		e.setReminding(true)
		delay := backoff.Delay(e.reminders, firstReminder, lastRetry) + time.Duration(e.target.reminding)*reminderPause
		s.schedule(e, now.Add(max(delay, s.interval)))
	}
}

// needsReminder reports whether a secondary that has acknowledged a version is to be
// told of it again.
func (s *schedule) needsReminder(e *entry) bool {
	switch s.progress(e.target.Addr, e.zone.soa.Owner, e.zone.serial) {
	case Behind:
		return true
	case Unknown:
		return e.reminders < maxUnsure
	}
	return false
}

// setReminding notes whether what is due is a reminder.
func (e *entry) setReminding(yes bool) {
	switch {
	case yes && !e.reminding:
		e.target.reminding++
	case !yes && e.reminding:
		e.target.reminding--
	}
	e.reminding = yes
}
