package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toponym/api"
)

// statusCommand is the command that says how a running server is.
func statusCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "status [FLAGS]", Short: "show how a running server is: its master, the age of its state, secondaries, warnings",
		Long: `toponym status shows how a running server is: the connection to the leading master, the age of the state, what it answers for, its
secondaries and warnings. The exit status is 1 if the server does not answer, has no state yet, or has no contact with a master. With
-live it is 1 only if the server does not answer, which is what the health check of a container should ask.`,
		Args: noArguments,
	}
	server := defineClient(c.Flags())
	var form output
	outputFlag(c, &form, "the answer of /v1/status")
	live := c.Flags().Bool("live", false, "print nothing, and only find out whether the server answers")
	c.RunE = withStatus(func(ctx context.Context, _ []string) int {
		if *live {
			if err := server.alive(ctx); err != nil {
				fmt.Fprintln(env.stderr, "toponym status:", err)
				return statusFailed
			}
			return statusOK
		}
		var s api.Status
		raw, err := server.get(ctx, []string{"v1", "status"}, nil, &s)
		if err == nil && s.Version == "" {
			err = fmt.Errorf("%s: the response does not come from Toponym", server.server)
		}
		switch {
		case err != nil:
		case form == outputJSON:
			err = printJSON(env.stdout, raw)
		default:
			printStatus(env.stdout, s)
		}
		if err != nil {
			fmt.Fprintln(env.stderr, "toponym status:", err)
			return statusFailed
		}
		if !s.Ready || s.ConnectedSince == nil {
			return statusFailed
		}
		return statusOK
	})
	return c
}

// printJSON prints what a server has answered, indented.
func printJSON(w io.Writer, raw []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(raw), "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// maxListed bounds the secondaries and the warnings of a kind that are printed.
const maxListed = 8

func printStatus(w io.Writer, s api.Status) {
	line := func(title, format string, values ...any) {
		fmt.Fprintf(w, "%-12s %s\n", title, fmt.Sprintf(format, values...))
	}
	line("server", "version %s, up %v since %s", plain(s.Version), rounded(s.Uptime), at(s.StartedAt))
	line("ready", "%s", yesNo(s.Ready, "names of the cluster can be looked up", "no state of the cluster has arrived yet: names get SERVFAIL"))
	master := "none is known"
	if s.Leader != nil {
		master = plain(*s.Leader)
	}
	switch {
	case s.ConnectedSince != nil:
		line("master", "%s, followed by %s since %s", master, plain(s.Source), at(*s.ConnectedSince))
	case s.LastHeard != nil:
		line("master", "%s, NO CONTACT; heard last at %s", master, at(*s.LastHeard))
	default:
		line("master", "%s, NO CONTACT since the start", master)
	}
	if s.Reading != nil {
		line("reading", "%s", plain(s.Reading.String()))
	}
	if s.StateAge != nil {
		from := ""
		if s.Source == "snapshot" {
			from = ", from the snapshot on disk"
		}
		line("state", "%v old%s", rounded(*s.StateAge), from)
	}
	if s.LastFailover != nil {
		line("failover", "the leading master changed last at %s", at(*s.LastFailover))
	}
	if zk := s.ZooKeeper; zk != nil {
		line("zookeeper", "%s since %s", plain(zk.State), at(zk.Since))
	}
	line("cluster", "%d tasks, %d agents, %d frameworks", s.Tasks, s.Agents, s.Frameworks)
	line("zones", "%d names; %d A, %d AAAA, %d SRV, %d PTR records", s.Names, s.Records.A, s.Records.AAAA, s.Records.SRV, s.Records.PTR)
	if s.Serial != nil {
		line("serial", "%d", *s.Serial)
	}
	if s.Snapshot != nil {
		line("snapshot", "%v old, %d bytes", rounded(s.Snapshot.Age), s.Snapshot.Bytes)
	}
	for i, one := range s.Secondaries {
		if i == maxListed {
			line("secondary", "and %d more", len(s.Secondaries)-maxListed)
			break
		}
		line("secondary", "%s", secondaryText(one))
	}
	for _, text := range statusWarnings(s) {
		line("warning", "%s", text)
	}
}

// secondaryText is a secondary with the zone in which it lags most.
func secondaryText(s api.SecondaryStatus) string {
	text := s.Address.String()
	var lag *api.SecondaryZone
	for i := range s.Zones {
		if z := &s.Zones[i]; z.Lag != nil && (lag == nil || *z.Lag > *lag.Lag) {
			lag = z
		}
	}
	switch {
	case lag == nil:
		text += ": its lag is not known"
	case *lag.Lag == 0:
		text += ": up to date"
	default:
		text += fmt.Sprintf(": %v behind in %s", rounded(*lag.Lag), plain(lag.Zone))
	}
	if s.LastSeen != nil {
		text += ", seen at " + at(*s.LastSeen)
	}
	return text
}

// statusWarnings are what an operator should look at.
func statusWarnings(s api.Status) (list []string) {
	if s.LastError != nil {
		list = append(list, fmt.Sprintf("reading the state failed at %s: %s", at(s.LastError.Time), plain(s.LastError.Text)))
	}
	if zk := s.ZooKeeper; zk != nil && zk.LastError != nil {
		list = append(list, fmt.Sprintf("ZooKeeper named no leader at %s: %s", at(zk.LastError.Time), plain(zk.LastError.Text)))
	}
	if f := s.SnapshotError; f != nil {
		list = append(list, fmt.Sprintf("the snapshot could not be written at %s: %s", at(f.Time), plain(f.Text)))
	}
	if c := s.Settings; c != nil && c.LastError != nil {
		list = append(list, fmt.Sprintf("the settings read at %s cannot be used: %s", at(c.LastError.Time), plain(c.LastError.Text)))
	}
	if c := s.Settings; c != nil && len(c.RestartNeeded) > 0 {
		list = append(list, "changed settings need a restart: "+plain(strings.Join(c.RestartNeeded, ", ")))
	}
	if s.Forwarding != nil {
		for _, u := range s.Forwarding.Upstreams {
			if u.State != "up" {
				list = append(list, fmt.Sprintf("the upstream server %s is %s", plain(u.Address), plain(u.State)))
			}
		}
	}
	failing := 0
	for _, one := range s.Secondaries {
		if one.LastError == nil {
			continue
		}
		if failing++; failing > maxListed {
			continue
		}
		list = append(list, fmt.Sprintf("secondary %s at %s: %s", one.Address, at(one.LastError.Time), plain(one.LastError.Text)))
	}
	if failing > maxListed {
		list = append(list, fmt.Sprintf("and %d more secondaries with errors", failing-maxListed))
	}
	for i, m := range s.Merged {
		if i == maxListed {
			list = append(list, fmt.Sprintf("and %d more names that frameworks share", len(s.Merged)-maxListed))
			break
		}
		list = append(list, fmt.Sprintf("%s is shared by %d frameworks: %s", plain(m.Name), len(m.Frameworks)+m.More, plain(strings.Join(m.Frameworks, ", "))))
	}
	return list
}

func yesNo(yes bool, ifYes, ifNo string) string {
	if yes {
		return "yes: " + ifYes
	}
	return "NO: " + ifNo
}

// rounded is a duration to the second.
func rounded(s api.Seconds) time.Duration { return time.Duration(s).Round(time.Second) }

// at is a time to the second.
func at(t time.Time) string { return t.Format(time.RFC3339) }
