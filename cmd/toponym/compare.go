package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"toponym/compare"
	"toponym/config"
	"toponym/internal/backoff"
	"toponym/internal/server"
	"toponym/records"
	"toponym/state"
)

// compareFlags are the flags of toponym compare.
type compareFlags struct {
	config   string
	mesosDNS string // a URL, or a file with an answer of /v1/axfr
	state    string // a file with the state of a master; empty: a master is asked
	version  string // of Mesos-DNS; empty: it is asked
	rounds   int
	wait     time.Duration // between two rounds; 0: until Mesos-DNS has polled the master
	dns      string        // where Mesos-DNS answers DNS; empty: it is asked
	dnsNames int
	form     output
	all      bool
}

// compareCommand is the command that compares the records of Mesos-DNS with those that
// Toponym makes.
func compareCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "compare -mesos-dns URL [FLAGS]", Short: "compare a running Mesos-DNS with what Toponym would answer",
		Long: "toponym compare reads the state of the leading master, asks a running Mesos-DNS for its records, and says for each name whether\n" +
			"Toponym would answer the same with these settings. It names the documented difference (docs/differences.md), and the setting that\n" +
			"makes Toponym answer like Mesos-DNS. What has no explanation is read again, because the cluster may have changed in between. The\n" +
			"exit status is 1 if a difference without explanation is left. Neither reverse names nor TTLs, priorities and weights are compared.",
		Example: "  toponym compare -config /etc/mesos-dns/config.json -mesos-dns http://127.0.0.1:8123\n" +
			"  toponym compare -mesos-dns http://127.0.0.1:8123 -o html > compare.html\n" +
			"  toponym compare -state state.json -mesos-dns axfr.json",
		Args: noArguments,
	}
	var f compareFlags
	flags := c.Flags()
	flags.StringVar(&f.config, "config", "config.json", configUsage)
	flags.StringVar(&f.mesosDNS, "mesos-dns", "", "`URL` of the HTTP API of Mesos-DNS, or a file with a copy of its answer to /v1/axfr")
	flags.StringVar(&f.state, "state", "", "`FILE` with a copy of a master's answer to /master/state, instead of the master of the settings")
	flags.StringVar(&f.version, "mesos-dns-version", "", "`VERSION` of Mesos-DNS, which counts if it is before 0.10, such as 0.9.1; by default it is asked")
	flags.IntVar(&f.rounds, "rounds", 3, "`NUMBER` of times that both are read at most while there are differences without explanation")
	flags.DurationVar(&f.wait, "wait", 0, "`TIME` between two rounds; by default the polling interval of Mesos-DNS and 2 s")
	flags.StringVar(&f.dns, "dns", "", "`ADDRESS` where Mesos-DNS answers over DNS, as host:port; by default that of its settings")
	flags.IntVar(&f.dnsNames, "dns-names", 1000, "`NUMBER` of names that Mesos-DNS is asked for over DNS, spread over all; 0 for none")
	flags.BoolVar(&f.all, "all", false, "show every name as text, not only examples")
	f.form = outputText
	flags.VarP(formatFlag{&f.form, []output{outputText, outputJSON, outputHTML}}, "o", "o", "`FORM` of the report: text, json, or html for one page")
	// The error would be that there is no such flag.
	_ = c.RegisterFlagCompletionFunc("o", cobra.FixedCompletions([]cobra.Completion{"text", "json", "html"}, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = withStatus(func(ctx context.Context, _ []string) int { return runCompare(ctx, f, env) })
	return c
}

func runCompare(ctx context.Context, f compareFlags, env environment) int {
	failed := func(err error) int {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(env.stderr, "toponym compare:", err)
		return statusFailed
	}
	if err := f.check(); err != nil {
		fmt.Fprintf(env.stderr, "toponym compare: %v; \"toponym help compare\" describes the flags\n", err)
		return statusUsage
	}
	c, warnings, err := config.Load(f.config, env.vars)
	printWarnings(env, warnings)
	if err != nil {
		reportErrors(env, err)
		return statusFailed
	}
	r, err := newComparer(f, c, env)
	if err != nil {
		return failed(err)
	}
	report, err := r.run(ctx)
	if err != nil {
		return failed(err)
	}
	switch f.form {
	case outputJSON:
		err = report.WriteJSON(env.stdout)
	case outputHTML:
		err = report.WriteHTML(env.stdout)
	default:
		err = report.WriteText(env.stdout, f.all)
	}
	if err != nil {
		return failed(err)
	}
	if report.Unexplained > 0 {
		return statusFailed
	}
	return statusOK
}

func (f compareFlags) check() error {
	switch {
	case f.mesosDNS == "":
		return errors.New("-mesos-dns is missing: want a URL such as http://127.0.0.1:8123, or a file")
	case f.rounds < 1:
		return errors.New("-rounds: want at least 1")
	case f.wait < 0:
		return errors.New("-wait: want a time such as 30s")
	case f.dnsNames < 0:
		return errors.New("-dns-names: want 0 or more")
	}
	return nil
}

// comparer compares both sides, in some rounds.
type comparer struct {
	flags    compareFlags
	config   *config.Config
	env      environment
	mesosDNS *mesosDNS
	options  records.Options // of the settings

	// What was read last.
	state  *state.FullState
	master string
	source compare.Source
	axfr   *compare.AXFR
}

func newComparer(f compareFlags, c *config.Config, env environment) (*comparer, error) {
	m, err := newMesosDNS(f)
	if err != nil {
		return nil, err
	}
	r := &comparer{flags: f, config: c, env: env, mesosDNS: m}
	r.options, err = server.RecordsOptions(c)
	return r, err
}

func (r *comparer) progress(format string, args ...any) {
	fmt.Fprintf(r.env.stderr, format+"\n", args...)
}

// run compares until nothing is left that a change of the cluster may explain.
func (r *comparer) run(ctx context.Context) (*compare.Report, error) {
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	settings, err := r.mesosDNS.settings(ctx)
	if err != nil {
		return nil, err
	}
	if settings != nil {
		r.progress("Mesos-DNS %s has %d names and records", settings.version, r.axfr.Listed)
	}
	differences, counts := compare.Diff(r.source, r.axfr.Records)
	first := len(differences)
	round := 1
	findings := r.explain(differences, settings)
	for ; round < r.rounds() && unexplained(findings) > 0; round++ {
		wait := r.wait()
		r.progress("%d differences have no explanation: both are read again in %v (round %d of %d)", unexplained(findings), wait, round+1, r.rounds())
		if err := backoff.Wait(ctx, wait); err != nil {
			return nil, err
		}
		if err := r.read(ctx); err != nil {
			return nil, err
		}
		var now []compare.Difference
		now, counts = compare.Diff(r.source, r.axfr.Records)
		first = max(first, len(now))
		differences = compare.Persisting(now, differences)
		findings = r.explain(differences, settings)
	}
	report := &compare.Report{
		Domain: r.config.Domain, Master: r.master, MesosDNS: r.flags.mesosDNS, Version: r.version(settings),
		Rounds: round, Counts: counts, Changed: first - len(findings), Findings: findings,
		Settings: settingDifferences(r.config, settings),
	}
	report.Equal = counts.Compared - len(findings)
	if report.Tasks, err = r.tasks(ctx); err != nil {
		return nil, err
	}
	if report.DNS, err = r.askDNS(ctx, settings); err != nil {
		return nil, err
	}
	report.Complete()
	return report, nil
}

// rounds is one for copies, which do not change.
func (r *comparer) rounds() int {
	if r.flags.state != "" && r.mesosDNS.file != "" {
		return 1
	}
	return r.flags.rounds
}

// wait is the time until Mesos-DNS has read the master again.
func (r *comparer) wait() time.Duration {
	if r.flags.wait > 0 {
		return r.flags.wait
	}
	return time.Duration(r.axfr.RefreshSeconds)*time.Second + 2*time.Second
}

func (r *comparer) version(settings *mesosDNSSettings) string {
	if r.flags.version == "" && settings != nil {
		return settings.version
	}
	return r.flags.version
}

func unexplained(findings []compare.Finding) (n int) {
	for _, f := range findings {
		if f.Verdict == compare.Unexplained {
			n++
		}
	}
	return n
}
