package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toponym/api"
)

// topCommand is the command that shows which names are asked most, by which clients,
// and with which result.
func topCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "top [FLAGS]", Short: "show what is asked most on a running server: names, clients, codes",
		Long: `toponym top shows which names a running server is asked most, by which clients, and the codes of its responses, each with its rate per
second. It goes on until it is interrupted; -n 1 shows one period and ends. The server counts only meanwhile. Without a rule for /v1/top in its
setting httpAuth it tells programs on its own machine alone.`,
		Args: noArguments,
	}
	flags := c.Flags()
	server := defineClient(flags)
	every := flags.Duration("every", 2*time.Second, "`PERIOD` that is counted before it is shown, from 100ms to 20s")
	number := flags.Int("n", 0, "`NUMBER` of periods to show; 0: until it is interrupted")
	rows := flags.Int("rows", 10, "`NUMBER` of names and of clients, at most 100")
	var form output
	outputFlag(c, &form, "the answer of /v1/top, one in each line")
	c.RunE = withStatus(func(ctx context.Context, _ []string) int {
		if *every < 100*time.Millisecond || *every > 20*time.Second || *number < 0 || *rows < 1 || *rows > 100 {
			fmt.Fprintln(env.stderr, "toponym top: want -every from 100ms to 20s, -n of at least 0, and -rows from 1 to 100")
			return statusUsage
		}
		query := url.Values{"wait": {every.String()}, "limit": {strconv.Itoa(*rows)}}
		clear := ""
		if *number != 1 && isTerminal(env.stdout) {
			clear = "\x1b[H\x1b[2J" // to the beginning of an empty screen
		}
		for i := 0; i < *number || *number == 0; i++ {
			var top api.Top
			raw, err := server.get(ctx, []string{"v1", "top"}, query, &top)
			if ctx.Err() != nil {
				return statusOK
			}
			switch {
			case errors.Is(err, errNoPath):
				err = fmt.Errorf("%w: the server does not serve DNS, or is older than this command", err)
			case err != nil:
			case form == outputJSON:
				err = printLine(env.stdout, raw)
			default:
				_, err = fmt.Fprint(env.stdout, clear+topText(top, i > 0 && clear == ""))
			}
			if err != nil {
				fmt.Fprintln(env.stderr, "toponym top:", err)
				return statusFailed
			}
		}
		return statusOK
	})
	return c
}

// isTerminal reports whether people read what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// printLine prints JSON in one line.
func printLine(w io.Writer, raw []byte) error {
	var v json.RawMessage
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// topText is a period as text, after an empty line where another one is before it.
func topText(t api.Top, more bool) string {
	var b strings.Builder
	if more {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%.1f queries per second in %.1f s", t.Queries, t.Seconds)
	for i, c := range t.Codes {
		separator := ", "
		if i == 0 {
			separator = ": "
		}
		fmt.Fprintf(&b, "%s%s %.1f", separator, plain(c.Code), c.Rate)
	}
	b.WriteByte('\n')
	if t.CountedOneIn > 1 {
		fmt.Fprintf(&b, "Names and clients are estimates: one query in %d is counted.\n", t.CountedOneIn)
	}
	column := func(title string, n int, row func(i int) (string, api.TopRate)) {
		fmt.Fprintf(&b, "\n%12s  %s\n", "per second", title)
		for i := range n {
			what, rate := row(i)
			fmt.Fprintf(&b, "%12.1f  %s%s\n", rate.Rate, plain(what), uncertain(rate))
		}
		if n == 0 {
			fmt.Fprintf(&b, "%12s  none\n", "")
		}
	}
	column("name", len(t.Names), func(i int) (string, api.TopRate) { return t.Names[i].Name, t.Names[i].TopRate })
	column("client", len(t.Clients), func(i int) (string, api.TopRate) { return t.Clients[i].Client.String(), t.Clients[i].TopRate })
	return b.String()
}

// uncertain says how much smaller a rate may be, if that is a tenth of it or more.
func uncertain(r api.TopRate) string {
	if r.AtLeast > 0.9*r.Rate {
		return ""
	}
	return fmt.Sprintf("  (at least %.1f)", r.AtLeast)
}
