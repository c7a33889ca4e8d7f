package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"toponym/api"
)

// lookupCommand is the command that shows all that a running server has about a name.
func lookupCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "lookup NAME [FLAGS]", Short: "show all records of a name and who owns them, on a running server",
		Long: `toponym lookup NAME asks a running server for all that it has about a name: the records of every type with their owners, and the other
names of the same tasks, in all trees. A short name is completed: nginx is nginx.marathon.mesos if there is one. NAME may also be an
address. The exit status is 1 if the name does not exist; similar names are shown then. Whether a forwarded name exists, only the
servers know that it is forwarded to.`,
		Example: `  toponym lookup nginx
  toponym lookup _http._tcp.api.marathon.mesos -o json
  toponym lookup 10.0.1.5 -server 10.0.0.53:8123`,
		Args: oneName,
	}
	server := defineClient(c.Flags())
	var form output
	outputFlag(c, &form, "the answer of /v1/lookup")
	c.RunE = withStatus(func(ctx context.Context, args []string) int {
		var l api.Lookup
		raw, err := server.get(ctx, []string{"v1", "lookup"}, url.Values{"name": args}, &l)
		if errors.Is(err, errNoPath) {
			err = fmt.Errorf("%w: the server is an older one, or its setting EnumerationOn is false", err)
		}
		switch {
		case err != nil:
		case form == outputJSON:
			err = printJSON(env.stdout, raw)
		default:
			printLookup(env.stdout, args[0], l)
		}
		if err != nil {
			fmt.Fprintln(env.stderr, "toponym lookup:", err)
			return statusFailed
		}
		if !l.Found {
			return statusFailed
		}
		return statusOK
	})
	return c
}

func printLookup(w io.Writer, typed string, l api.Lookup) {
	for _, x := range l.Answers {
		printExplanation(w, x)
	}
	if n := len(l.Completions); n > len(l.Answers) {
		fmt.Fprintf(w, "%s is also short for: %s\n", plain(l.Name), plain(strings.Join(l.Completions[len(l.Answers):], ", ")))
	}
	if len(l.Near) > 0 {
		fmt.Fprintf(w, "did you mean: %s\n", plain(strings.Join(l.Near, ", ")))
	}
	printAddressOf(w, typed, &l)
	if len(l.Related) == 0 {
		return
	}
	width := 0
	for _, r := range l.Related {
		width = max(width, len(r.Name))
	}
	fmt.Fprintln(w, "other names:")
	for _, r := range l.Related {
		for _, one := range r.Records {
			fmt.Fprintf(w, "  %-*s  %d %s %s\n", width, plain(r.Name), one.TTL, plain(one.Type), plain(one.Data))
		}
		if r.More > 0 {
			fmt.Fprintf(w, "  %-*s  and %d more\n", width, plain(r.Name), r.More)
		}
	}
	if l.MoreRelated > 0 {
		fmt.Fprintf(w, "  and %d more names\n", l.MoreRelated)
	}
}
