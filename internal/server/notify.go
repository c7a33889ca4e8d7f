package server

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
)

// notifier tells the service manager how the process does (sd_notify(3)).
// Without one it does nothing. A manager that does not listen must not hold up
// who tells it, for which the library has no means.
type notifier struct {
	socket string // a path, or a name that begins with @; empty for no manager
	log    logrus.FieldLogger
	failed atomic.Bool // which was logged
}

// newNotifier returns a notifier that does nothing unless enabled is set and
// the environment names the manager's socket.
func newNotifier(enabled bool, log logrus.FieldLogger) *notifier {
	n := &notifier{log: log}
	if enabled {
		n.socket = os.Getenv("NOTIFY_SOCKET")
	}
	return n
}

// notifyPatience is how long the manager may take to have room for a message.
const notifyPatience = 500 * time.Millisecond

// tell sends assignments, a line each.
func (n *notifier) tell(state string) {
	if n.socket == "" {
		return
	}
	err := n.send(state)
	if failed := err != nil; n.failed.Swap(failed) != failed && failed {
		n.log.Warnf("the service manager cannot be told: %v", err)
	}
}

func (n *notifier) send(state string) error {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(notifyPatience)); err != nil {
		return err
	}
	_, err = c.Write([]byte(state))
	return err
}

func (n *notifier) ready(status string) { n.tell(daemon.SdNotifyReady + "\nSTATUS=" + status) }

func (n *notifier) reloading() {
	n.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=reading the settings")
}

func (n *notifier) status(status string) { n.tell("STATUS=" + status) }

func (n *notifier) alive() { n.tell(daemon.SdNotifyWatchdog) }

func (n *notifier) stopping() { n.tell(daemon.SdNotifyStopping + "\nSTATUS=stopping") }

// statusLine is the status of the server in one line.
func (s *Server) statusLine() string {
	return fmt.Sprintf("%d names; %s", s.pipeline.zones.Current().Counts().Names, s.status().Short())
}
