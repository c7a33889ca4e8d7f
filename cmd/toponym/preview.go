package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"toponym/config"
	"toponym/internal/server"
	"toponym/records"
	"toponym/sim/compose"
	"toponym/sim/marathon"
)

// maxPreviewed bounds the instances of an app that are shown.
const maxPreviewed = 200

// maxDefinition bounds the file of a definition, in bytes.
const maxDefinition = 4 << 20

const previewAbout = `toponym preview FILE shows the names and records that the instances of a Marathon app would get, or those of the
services of a compose file for mesos-compose. toponym preview -aurora-job ROLE/ENV/JOB shows those of a job of Aurora.

FILE is the definition of an app (in the form of Marathon 1.4 or 1.5), a pod or a group, or a list of them as Marathon returns
it for GET /v2/apps, /v2/groups or /v2/pods; or a compose file. - stands for standard input. Addresses, ports and task ids are
examples. If Marathon would refuse a definition, its error messages are printed and the exit status is 1.`

// previewFlags are the flags of the command.
type previewFlags struct {
	config, framework, defaultNetwork string
	instances                         int
	names, json                       bool
	ids                               string
	networks                          networkFlag

	project, prefix        string // of a compose file
	auroraKey, auroraPorts string
	auroraDiscovery        bool
}

// previewCommand is the command toponym preview.
func previewCommand(env environment) *cobra.Command {
	var o previewFlags
	c := &cobra.Command{
		Use: "preview FILE [FLAGS]", Short: "show the names that a Marathon app would get", Long: previewAbout,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && o.auroraKey == "":
				return errors.New("want the file of a definition, or - for standard input")
			case len(args) > 0 && o.auroraKey != "":
				return fmt.Errorf("unexpected argument %q", args[0])
			case len(args) > 1:
				return fmt.Errorf("unexpected argument %q", args[1])
			}
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.config, "config", "", "configuration `FILE` of the server that will answer: JSON, YAML or TOML; without it the defaults apply")
	flags.Func("framework", "`NAME` of the framework; the default is marathon, mc or Aurora", func(s string) error {
		if o.framework = s; s == "" {
			return errors.New("it must have a name")
		}
		return nil
	})
	flags.StringVar(&o.defaultNetwork, "default-network", "", "`NAME` that Marathon has as --default_network_name")
	flags.IntVar(&o.instances, "instances", 0, "number of instances to show, instead of the number in the definition")
	flags.Var(&o.networks, "network", "address ranges of a network, as `NAME=PREFIX[,PREFIX]`; can be repeated")
	flags.StringVar(&o.ids, "task-ids", "", "comma-separated `IDS` of the tasks, or of a pod's instances, instead of generated ones")
	flags.BoolVar(&o.names, "task-names", false, "list the names only, task by task, without their records")
	flags.BoolVar(&o.json, "json", false, "write JSON")
	flags.StringVar(&o.project, "project", "", "`NAME` of the project that a compose file is sent to; the default is the name of its directory")
	flags.StringVar(&o.prefix, "task-prefix", "mc", "`PREFIX` that mesos-compose has as PREFIX_TASKNAME")
	flags.StringVar(&o.auroraKey, "aurora-job", "", "`KEY` of a job of Aurora, ROLE/ENV/JOB, instead of a file")
	flags.StringVar(&o.auroraPorts, "aurora-ports", "", "comma-separated `NAMES` of the ports of the job")
	flags.BoolVar(&o.auroraDiscovery, "populate-discovery-info", false, "Aurora's scheduler has the option -populate_discovery_info")
	c.RunE = withStatus(func(_ context.Context, args []string) int {
		file := ""
		if len(args) > 0 {
			file = args[0]
		}
		if err := runPreview(file, o, env); err != nil {
			fmt.Fprintln(env.stderr, "toponym preview:", err)
			return statusFailed
		}
		return statusOK
	})
	return c
}

func runPreview(file string, o previewFlags, env environment) error {
	options, err := previewOptions(o, env)
	if err != nil {
		return err
	}
	workloads, refused, err := readWorkloads(file, o, env)
	if err != nil {
		return err
	}
	p := &previewer{flags: o, options: options}
	var shown []appPreview
	for _, w := range workloads {
		s, err := p.app(w)
		if err != nil {
			return err
		}
		shown = append(shown, s)
	}
	switch {
	case o.json && refused != nil && len(shown) == 0:
		err = writeJSON(env.stdout, refused.body)
	case o.json && refused != nil:
		err = writeJSON(env.stdout, map[string]any{"apps": shown, "refused": refused.body})
	case o.json:
		err = writeJSON(env.stdout, map[string]any{"apps": shown})
	default:
		err = writePreviews(env.stdout, shown, o.names)
	}
	if err == nil && refused != nil {
		err = refused
	}
	return err
}

// readWorkloads reads what the framework is to run. If Marathon would refuse some of it,
// the others are returned with the refusal.
func readWorkloads(file string, o previewFlags, env environment) (list []workload, refused *refusal, err error) {
	if o.auroraKey != "" {
		j, err := o.auroraJob()
		return []workload{auroraWorkload(j)}, nil, err
	}
	data, err := readDefinition(file)
	if err != nil {
		return nil, nil, err
	}
	if compose.IsFile(data) {
		services, warnings, err := composeServices(file, data, o)
		for _, w := range warnings {
			fmt.Fprintf(env.stderr, "warning: %s: %s\n", shownFile(file), w)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", shownFile(file), err)
		}
		return services, nil, nil
	}
	apps, warnings, err := parseDefinitions(data, marathon.Settings{DefaultNetworkName: o.defaultNetwork})
	for _, w := range warnings {
		fmt.Fprintf(env.stderr, "warning: %s: %v\n", shownFile(file), w)
	}
	refused, err = asRefusal(file, err, o)
	for _, a := range apps {
		list = append(list, marathonWorkload(a))
	}
	return list, refused, err
}

// previewOptions returns the options of records for the server's settings.
func previewOptions(o previewFlags, env environment) (records.Options, error) {
	if o.instances < 0 || o.instances > maxPreviewed {
		return records.Options{}, fmt.Errorf("-instances: at most %d are shown", maxPreviewed)
	}
	c := config.Defaults()
	if o.config != "" {
		loaded, warnings, err := config.Load(o.config, env.vars)
		for _, w := range warnings {
			fmt.Fprintln(env.stderr, "warning:", w)
		}
		if err != nil {
			return records.Options{}, fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		c = loaded
	}
	return server.RecordsOptions(c)
}

func readDefinition(file string) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDefinition+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shownFile(file), err)
	}
	if len(data) > maxDefinition {
		return nil, fmt.Errorf("%s: larger than %d bytes", shownFile(file), maxDefinition)
	}
	return data, nil
}

// refusal is the error for definitions that Marathon would refuse.
type refusal struct {
	text string
	body *marathon.Invalid // of Marathon's answer
}

func (r *refusal) Error() string { return r.text }

// What Marathon says of definitions that lack a field.
const (
	invalidJSON  = "Invalid JSON"
	missingField = "error.path.missing"
)

// shownFile is a file for messages.
func shownFile(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// asRefusal returns a refusal for an *marathon.Invalid, and other errors as they are.
func asRefusal(file string, err error, o previewFlags) (*refusal, error) {
	if err == nil {
		return nil, nil
	}
	var invalid *marathon.Invalid
	if !errors.As(err, &invalid) {
		return nil, fmt.Errorf("%s: %w", shownFile(file), err)
	}
	var b strings.Builder
	message := invalid.Message
	if message == invalidJSON { // of Marathon for JSON that is valid, too
		message = "a field is missing, or is of another type"
	}
	fmt.Fprintf(&b, "%s: Marathon would refuse this: %s", shownFile(file), message)
	unnamed := false
	for _, d := range invalid.Details {
		for _, reason := range d.Errors {
			unnamed = unnamed || reason == marathon.UnnamedNetwork
			switch {
			case o.json:
			case reason == missingField:
				fmt.Fprintf(&b, "\n  %s is missing", d.Path)
			default:
				fmt.Fprintf(&b, "\n  %s: %s", d.Path, reason)
			}
		}
	}
	if unnamed && o.defaultNetwork == "" {
		b.WriteString("\n  -default-network is missing: Marathon takes the name from its flag --default_network_name")
	}
	return &refusal{b.String(), invalid}, nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// instancesOf returns the number of instances of an app that are shown, at least one.
func (o previewFlags) instancesOf(w workload) (int, error) {
	n := cmp.Or(o.instances, max(w.instances, 1))
	if n > maxPreviewed {
		return 0, fmt.Errorf("%s has %d instances, of which at most %d are shown; -instances chooses how many", w.id, n, maxPreviewed)
	}
	return n, nil
}

// parseDefinitions reads a definition, a list of definitions, as for PUT /v2/apps and
// from GET /v2/pods, or {"apps": [...]} and {"app": {...}}, as from GET /v2/apps and
// /v2/apps/ID.
//
// If some definitions of a list are refused, it returns the other apps and an error.
func parseDefinitions(data []byte, s marathon.Settings) ([]*marathon.App, []marathon.Warning, error) {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil && list != nil {
		return parseList(list, "", s)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) == nil && len(members) == 1 {
		if one, ok := members["app"]; ok {
			return parseList([]json.RawMessage{one}, "/app", s)
		}
		if json.Unmarshal(members["apps"], &list) == nil && list != nil {
			return parseList(list, "/apps", s)
		}
	}
	apps, err := parseDefinition(data, s)
	return apps, marathon.Warnings(data), err
}

// parseList reads a list. If its error is a *marathon.Invalid, it has the violations
// of the definitions that are not among the apps.
func parseList(list []json.RawMessage, at string, s marathon.Settings) (apps []*marathon.App, warnings []marathon.Warning, err error) {
	var all *marathon.Invalid
	for i, data := range list {
		path := at
		if at != "/app" {
			path = fmt.Sprintf("%s(%d)", at, i)
		}
		for _, w := range marathon.Warnings(data) {
			w.Path = path + w.Path
			warnings = append(warnings, w)
		}
		more, err := parseDefinition(data, s)
		var one *marathon.Invalid
		switch {
		case err == nil:
			apps = append(apps, more...)
			continue
		case !errors.As(err, &one):
			return nil, warnings, err
		case all == nil:
			all = &marathon.Invalid{Message: one.Message}
		}
		for _, d := range one.Details {
			if d.Path == "/" {
				d.Path = ""
			}
			d.Path = path + d.Path
			all.Details = append(all.Details, d)
		}
	}
	if all != nil {
		return apps, warnings, all
	}
	if len(apps) == 0 {
		return nil, nil, errors.New("there is no definition in it")
	}
	return apps, warnings, nil
}

// parseDefinition reads a group, a pod or an app, by what it has.
func parseDefinition(data []byte, s marathon.Settings) ([]*marathon.App, error) {
	if apps, ok, err := marathon.ParseGroup(data, s); ok || err != nil {
		return apps, err
	}
	a, ok, err := marathon.ParsePod(data, s)
	if !ok && err == nil {
		a, err = marathon.Parse(data, s)
	}
	if err != nil {
		return nil, err
	}
	return []*marathon.App{a}, nil
}
