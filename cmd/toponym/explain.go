package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"toponym/api"
	"toponym/records"
)

// explainCommand is the command that asks a running server which tasks the records of
// a name come from, which records are omitted, and why.
func explainCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "explain NAME [FLAGS]", Short: "show which tasks the records of a name come from, on a running server",
		Long: "toponym explain NAME asks a running server which tasks the records of a name come from, which records are omitted, and why. " +
			"NAME may also be an address. " +
			"What a short name may stand for, and similar names, are shown beside. The exit status is 1 if the name does not exist. " +
			"Whether a forwarded name exists, only the servers know that it is forwarded to.",
		Args: oneName,
	}
	server := defineClient(c.Flags())
	var form output
	outputFlag(c, &form, "the answer of /v1/explain")
	c.RunE = withStatus(func(ctx context.Context, args []string) int {
		path, query := []string{"v1", "explain", url.PathEscape(args[0])}, url.Values(nil)
		if strings.Trim(args[0], ".") == "" { // as a part of a path it would be taken out
			path, query = path[:2], url.Values{"name": args}
		}
		var x api.Explanation
		raw, err := server.get(ctx, path, query, &x)
		missing := false
		switch {
		case err != nil:
		case form == outputJSON:
			missing = printMeant(ctx, io.Discard, server, args[0], x.Answer)
			err = printJSON(env.stdout, raw)
		default:
			printExplanation(env.stdout, x)
			missing = printMeant(ctx, env.stdout, server, args[0], x.Answer)
		}
		if err != nil {
			fmt.Fprintln(env.stderr, "toponym explain:", err)
			return statusFailed
		}
		if missing || x.Answer == api.AnswerNoName || x.Answer == api.AnswerLocal && x.Rcode == noSuchName {
			return statusFailed
		}
		return statusOK
	})
	return c
}

// printMeant prints what a name without records may stand for: "web" is typed for a name
// of the cluster. Where the server does not say, nothing is printed. The
// name is missing if it is a short one that stands for nothing: it is forwarded, and
// no other server has it either.
func printMeant(ctx context.Context, w io.Writer, server *client, typed, answer string) (missing bool) {
	switch answer {
	case api.AnswerNoName, api.AnswerForwarded, api.AnswerRefused, api.AnswerLocal:
	default:
		return false
	}
	var l api.Lookup
	if _, err := server.get(ctx, []string{"v1", "lookup"}, url.Values{"name": {typed}}, &l); err != nil {
		return false
	}
	switch {
	case len(l.Completions) > 0:
		fmt.Fprintf(w, "%s is short for: %s\n", plain(l.Name), plain(strings.Join(l.Completions, ", ")))
	case len(l.Near) > 0:
		fmt.Fprintf(w, "did you mean: %s\n", plain(strings.Join(l.Near, ", ")))
	}
	printAddressOf(w, typed, &l)
	return answer == api.AnswerForwarded && !l.Found
}

// printAddressOf prints which names have an address that no PTR record is about.
func printAddressOf(w io.Writer, typed string, l *api.Lookup) {
	if len(l.AddressOf) > 0 {
		fmt.Fprintf(w, "%s is an address of: %s", plain(typed), plain(strings.Join(l.AddressOf, ", ")))
		if l.MoreAddressOf > 0 {
			fmt.Fprintf(w, " and %d more names", l.MoreAddressOf)
		}
		fmt.Fprintln(w)
	}
	if l.ReverseOff {
		fmt.Fprintln(w, "the cluster has no PTR records: the setting ReverseDnsOn is false")
	}
}

// maxZonesPrinted bounds the zones that are named beside a name in none of them.
const maxZonesPrinted = 8

// oneName is for commands about one name.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("want one name, such as web.marathon.mesos")
	}
	return nil
}

// noSuchName is the response code of a name that does not exist.
const noSuchName = "NXDOMAIN"

// answerTexts describe the answer for a name without records.
var answerTexts = map[string]string{
	api.AnswerEmpty:     "has no records; it exists because names below it do",
	api.AnswerNoName:    "does not exist (NXDOMAIN)",
	api.AnswerLocal:     "is answered by the server itself and never forwarded",
	api.AnswerForwarded: "is in none of the server's zones and is forwarded",
	api.AnswerRefused:   "is in none of the server's zones and is not forwarded (REFUSED)",
}

func printExplanation(w io.Writer, x api.Explanation) {
	fmt.Fprintln(w, x.Name)
	if x.AnswersAs != "" {
		fmt.Fprintf(w, "  is answered as %s, through an alias\n", x.AnswersAs)
	}
	if x.Answer == api.AnswerLocal && x.Rcode == noSuchName {
		fmt.Fprintln(w, " ", answerTexts[api.AnswerNoName])
	}
	if text := answerTexts[x.Answer]; text != "" {
		fmt.Fprintln(w, " ", text)
	}
	if e := x.Route; e != nil {
		if e.Local != "" {
			fmt.Fprintf(w, "      special-use zone %s\n", e.Local)
		}
		for _, server := range e.Servers {
			fmt.Fprintf(w, "      to %s, the upstream server for %s\n", server, below(e.Domain))
		}
		printCached(w, e.Cached)
	}
	if len(x.Zones) > 0 {
		fmt.Fprintf(w, "      the server's zones: %s", strings.Join(x.Zones[:min(len(x.Zones), maxZonesPrinted)], ", "))
		if more := len(x.Zones) - maxZonesPrinted; more > 0 {
			fmt.Fprintf(w, " and %d more", more)
		}
		fmt.Fprintln(w)
	}
	if x.TTL != nil {
		fmt.Fprintf(w, "  TTL %d, set by a label\n", *x.TTL)
	}
	for _, r := range x.Records {
		fmt.Fprintf(w, "  %s %s\n", r.Type, r.Data)
		for _, o := range r.Owners {
			fmt.Fprintf(w, "      %s", ownerText(o))
			if o.Source != "" {
				fmt.Fprintf(w, "; from %s", o.Source)
			}
			fmt.Fprintln(w)
		}
	}
	printOmissions(w, "omitted", x.Omitted, func(o records.ExplainedOmission) bool { return o.Label == "" })
	printOmissions(w, "ignored labels", x.Omitted, func(o records.ExplainedOmission) bool { return o.Label != "" })
	if x.More > 0 {
		fmt.Fprintf(w, "  and %d more\n", x.More)
	}
}

// printCached prints what the cache holds.
func printCached(w io.Writer, cached []api.CachedAnswer) {
	for _, c := range cached {
		fmt.Fprintf(w, "      in the cache: %s %s", c.Type, c.Rcode)
		for _, flag := range []struct {
			set  bool
			text string
		}{{c.DNSSEC, "with DNSSEC records"}, {c.CD, "unchecked"}} {
			if flag.set {
				fmt.Fprint(w, ", ", flag.text)
			}
		}
		if c.Stale {
			fmt.Fprintln(w, ", expired: used if no upstream server answers")
		} else {
			fmt.Fprintf(w, ", for %d s\n", c.TTL)
		}
		for _, r := range c.Records {
			fmt.Fprintf(w, "          %s %s\n", r.Type, plain(r.Data))
		}
	}
}

// printOmissions prints the selected omissions under a title.
func printOmissions(w io.Writer, title string, omissions []records.ExplainedOmission, selected func(records.ExplainedOmission) bool) {
	for _, o := range omissions {
		if !selected(o) {
			continue
		}
		if title != "" {
			fmt.Fprintf(w, "  %s:\n", title)
			title = ""
		}
		fmt.Fprint(w, "      ")
		switch {
		case o.Label != "":
			fmt.Fprintf(w, "%s=%q of ", plain(o.Label), o.Value)
		case o.Type != "":
			fmt.Fprintf(w, "%s of ", strings.TrimSpace(o.Type+" "+o.Data))
		case o.Value != "":
			fmt.Fprintf(w, "name %q of ", o.Value)
		}
		fmt.Fprintf(w, "%s: %s\n", ownerText(o.ExplainedOwner), o.Reason)
	}
}

// below describes the names that upstream servers are responsible for.
func below(domain string) string {
	if domain == "." {
		return "all names"
	}
	return domain
}

func ownerText(o records.ExplainedOwner) string {
	switch o.Kind {
	case "task":
		return fmt.Sprintf("task %s (%s) of framework %s (%s) on agent %s",
			plain(o.TaskName), plain(o.Task), plain(o.FrameworkName), plain(o.Framework), plain(o.Agent)) + stateText(o)
	case "framework":
		return fmt.Sprintf("framework %s (%s)", plain(o.FrameworkName), plain(o.Framework))
	case "agent":
		return "agent " + plain(o.Agent)
	case "server":
		return "the name server itself"
	case api.KindSpecial:
		return "a special-use zone"
	case api.KindFile:
		return "a file of staticZones"
	case api.KindZone:
		return "the zone itself"
	}
	return "the masters"
}

// stateText says how the task of an owner is, as far as that is known.
func stateText(o records.ExplainedOwner) (text string) {
	if o.State == "" {
		return ""
	}
	text = ": " + plain(strings.ToLower(strings.TrimPrefix(o.State, "TASK_")))
	if o.Health != "" && o.Health != records.UnknownText {
		text += ", " + plain(string(o.Health))
	}
	if o.Since != "" {
		text += ", since " + plain(o.Since)
	}
	return text
}

// plain quotes text that frameworks wrote if it has characters that could control a
// terminal.
func plain(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return strconv.QuoteToASCII(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}
