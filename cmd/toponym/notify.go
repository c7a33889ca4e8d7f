package main

import (
	"fmt"
	"sync/atomic"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
)

// notifier tells the service manager how the process does (sd_notify(3)).
// Without one it does nothing.
type notifier struct {
	log    logrus.FieldLogger
	failed atomic.Bool // which was logged
}

// tell sends assignments, a line each.
func (n *notifier) tell(state string) {
	_, err := daemon.SdNotify(false, state)
	if failed := err != nil; n.failed.Swap(failed) != failed && failed {
		n.log.Warnf("the service manager cannot be told: %v", err)
	}
}

func (n *notifier) ready(status string) { n.tell(daemon.SdNotifyReady + "\nSTATUS=" + status) }

func (n *notifier) reloading() {
	n.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=reading the settings")
}

func (n *notifier) status(status string) { n.tell("STATUS=" + status) }

func (n *notifier) alive() { n.tell(daemon.SdNotifyWatchdog) }

func (n *notifier) stopping() { n.tell(daemon.SdNotifyStopping + "\nSTATUS=stopping") }

// line is the status of the server in one line.
func (s *server) line() string {
	return fmt.Sprintf("%d names; %s", s.pipeline.zones.Current().Counts().Names, s.status().Short())
}
