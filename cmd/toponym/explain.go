package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toponym/api"
	"toponym/records"
)

// Limits of reading from a server.
const (
	explainTimeout = 30 * time.Second
	maxExplanation = 64 << 20 // bytes
)

// explain is the command that asks a running server which tasks the records of a
// name come from, which records are omitted, and why.
func explain(ctx context.Context, args []string, env environment) int {
	fs := newFlags("explain", "toponym explain NAME asks a running server which tasks the records of a name come from, which records are omitted, and why.", env.stderr)
	server := fs.String("server", "http://127.0.0.1:8123", "`URL` of the server's HTTP API")
	tokenFile := fs.String("token-file", "", tokenFileUsage)
	// The name may come before or after the flags.
	var name string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return statusOK
		}
		return statusUsage
	}
	rest := fs.Args()
	if name == "" && len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	if name == "" || len(rest) > 0 {
		fmt.Fprintln(env.stderr, "toponym explain: want one name, such as web.marathon.mesos")
		return statusUsage
	}
	x, err := fetchExplanation(ctx, *server, *tokenFile, name)
	if err != nil {
		fmt.Fprintln(env.stderr, "toponym explain:", err)
		return statusFailed
	}
	printExplanation(env.stdout, x)
	return statusOK
}

func fetchExplanation(ctx context.Context, server, tokenFile, name string) (x api.Explanation, err error) {
	base, err := url.Parse(server)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return x, fmt.Errorf("-server: %q is not a URL: want something like http://127.0.0.1:8123", server)
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	at := base.JoinPath("v1", "explain").String()
	if strings.Trim(name, ".") == "" { // as a part of a path it would be taken out
		at += "?name=" + url.QueryEscape(name)
	} else {
		at += "/" + url.PathEscape(name)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return x, err
	}
	if err := authorize(ctx, r, tokenFile); err != nil {
		return x, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return x, fmt.Errorf("no server answers at %s: %w; -server chooses another address", server, err)
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, maxExplanation)
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		_ = json.NewDecoder(body).Decode(&refused) // without an error text the status has to do
		return x, fmt.Errorf("%s: %s", server, cmp.Or(refused.Error, response.Status))
	}
	if err := json.NewDecoder(body).Decode(&x); err != nil {
		return x, fmt.Errorf("%s: the response does not come from Toponym: %w", server, err)
	}
	return x, nil
}

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
	}
	if len(x.Zones) > 0 {
		fmt.Fprintf(w, "      the server's zones: %s\n", strings.Join(x.Zones, ", "))
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
			plain(o.TaskName), plain(o.Task), plain(o.FrameworkName), plain(o.Framework), plain(o.Agent))
	case "framework":
		return fmt.Sprintf("framework %s (%s)", plain(o.FrameworkName), plain(o.Framework))
	case "agent":
		return "agent " + plain(o.Agent)
	case "server":
		return "the name server itself"
	case api.KindFile:
		return "a file of staticZones"
	case api.KindZone:
		return "the zone itself"
	}
	return "the masters"
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
