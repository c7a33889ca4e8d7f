package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the help says is in testdata, where a change of it can be read.
func TestHelpIsAsWritten(t *testing.T) {
	commands := newRoot(environment{}).Commands()
	for _, c := range commands {
		got := runWith(t, "help", c.Name())
		if got.status != statusOK || got.stderr != "" {
			t.Errorf("help %s: got status %d and %q, want 0 and no error", c.Name(), got.status, got.stderr)
		}
		file := filepath.Join("testdata", "help", c.Name()+".txt")
		if *update {
			write(t, file, got.stdout)
		}
		want, err := os.ReadFile(file)
		if err != nil || got.stdout != string(want) {
			t.Errorf("help %s differs from %s (%v); run with -update and read the diff\n%s", c.Name(), file, err, got.stdout)
		}
	}
	files, err := filepath.Glob("testdata/help/*.txt")
	if err != nil || len(files) != len(commands) {
		t.Errorf("got the files %v (%v), want one for each of %d commands", files, err, len(commands))
	}
}

// Flags take one dash or two wherever they stand; what begins with a dash can be a
// value; mistakes are named as they were written, with what was probably meant.
func TestFlagsAreReadAsMesosDNSReadsThem(t *testing.T) {
	good := writeConfig(t, `{"masters": ["10.0.0.1:5050"]}`)
	missing := filepath.Join(t.TempDir(), "none.json")
	for line, want := range map[string]struct {
		status int
		stderr string
	}{
		"check -config " + good:                {0, ""},
		"check --config " + good:               {0, ""},
		"check -config=" + good:                {0, ""},
		"-config -x":                           {1, "-x: no such file"},
		"-config " + missing + " -v=2":         {1, missing},
		"-v 1 --config=" + missing:             {1, missing},
		"serve -config " + missing + " -v=0":   {1, missing},
		"-config " + missing + " check":        {2, `toponym serve: unexpected argument "check"`},
		"check -config " + good + " more":      {2, `toponym check: unexpected argument "more"`},
		"check foo.json":                       {2, `toponym check: unexpected argument "foo.json"; did you mean -config foo.json?`},
		"/etc/settings":                        {2, `toponym: unknown command "/etc/settings"; did you mean -config /etc/settings?`},
		"foo.YAML":                             {2, `toponym: unknown command "foo.YAML"; did you mean -config foo.YAML?`},
		"foo":                                  {2, `toponym: unknown command "foo"; "toponym help" lists the commands`},
		"check -- -config":                     {2, `toponym check: unexpected argument "-config"`},
		"-confg x":                             {2, "toponym serve: flag provided but not defined: -confg; did you mean -config?"},
		"check -v=1":                           {2, `toponym check: flag provided but not defined: -v; "toponym help check" describes the flags`},
		"-v=much":                              {2, `invalid value "much" for flag -v: want a whole number`},
		"-v=99999999999999999999":              {2, `flag -v: value out of range`},
		"demo -every soon":                     {2, `invalid value "soon" for flag -every: time: invalid duration "soon"`},
		"check -config":                        {2, "flag needs an argument: -config"},
		"check ---config":                      {2, "bad flag syntax: ---config"},
		"-alsologtostderr=perhaps":             {2, `invalid value "perhaps" for flag -alsologtostderr: want true or false`},
		"watch -o xml":                         {2, `invalid value "xml" for flag -o: "xml" is neither text nor json`},
		"hlep":                                 {2, `unknown command "hlep"; did you mean "help"?`},
		"explian web":                          {2, `unknown command "explian"; did you mean "explain"?`},
		"completion tcsh":                      {2, "toponym completion: want one of bash, zsh, fish"},
		"man":                                  {2, "toponym man: want the directory to write to"},
		"help check demo":                      {2, "toponym help: accepts at most 1 arg(s)"},
		"explain a -server 127.0.0.1:1":        {1, "no server answers at 127.0.0.1:1"},
		"explain a -server [::1]:1":            {1, "no server answers at [::1]:1"},
		"watch -server 127.0.0.1:1":            {1, "no server answers at 127.0.0.1:1"},
		"haproxy -group a -server 127.0.0.1:1": {1, "no server answers at 127.0.0.1:1"},
		"watch -server :8123":                  {2, `":8123" is not a URL, host:port or a host`},
		"explain a -server 8123":               {1, `"8123" is not a URL, host:port or a host`},
		"watch -server ftp://10.0.0.1":         {2, "is not a URL, host:port or a host"},
		"explain a -server 127.0.0.1:53":       {1, "is the port of DNS"},
	} {
		got := runWith(t, strings.Fields(line)...)
		if got.status != want.status || !strings.Contains(got.stderr, want.stderr) {
			t.Errorf("toponym %s: got status %d and %q, want %d and %q", line, got.status, got.stderr, want.status, want.stderr)
		}
	}
}

// Completion knows commands, flags with the dashes that were typed, and values.
func TestCompletion(t *testing.T) {
	for _, tc := range []struct {
		words      []string // the last one is being typed
		want, lack []string // lines of the answer
	}{
		{[]string{""}, []string{"check\t", "help\t"}, []string{"man\t"}},
		{[]string{"ch"}, []string{"check\t"}, []string{"demo\t"}},
		{[]string{"-"}, []string{"-config\tconfiguration FILE: JSON, YAML or TOML\n", "-v\t"}, []string{"--config", "-help"}},
		{[]string{"-v=1", "-conf"}, []string{"-config\t"}, []string{"--config", "-v\t"}},
		{[]string{"check", "--c"}, []string{"--config\t"}, nil},
		{[]string{"watch", "-suffix", "mesos", "-s"}, []string{"-suffix\t", "-server\t"}, []string{"-type\t"}},
		{[]string{"explain", "-o", ""}, []string{"text\n", "json\n"}, nil},
		{[]string{"explain", "-o=j"}, []string{"json\n"}, nil},
		{[]string{"secondary", "k"}, []string{"knot\n"}, []string{"nsd\n"}},
		{[]string{"completion", ""}, []string{"bash\n", "zsh\n", "fish\n"}, nil},
		{[]string{"help", "che"}, []string{"check\t"}, nil},
	} {
		got := runWith(t, append([]string{"__complete"}, tc.words...)...)
		if got.status != statusOK {
			t.Errorf("%q: got status %d, want 0", tc.words, got.status)
		}
		lines := "\n" + got.stdout
		for _, want := range tc.want {
			if !strings.Contains(lines, "\n"+want) {
				t.Errorf("%q: got %q, want the line %q", tc.words, got.stdout, want)
			}
		}
		for _, lack := range tc.lack {
			if strings.Contains(lines, "\n"+lack) {
				t.Errorf("%q: got %q, want no line %q", tc.words, got.stdout, lack)
			}
		}
	}
}

// The scripts can be read by their shells, where these are installed.
func TestCompletionScripts(t *testing.T) {
	for shell := range shells {
		got := runWith(t, "completion", shell)
		if got.status != statusOK || !strings.Contains(got.stdout, "__complete") {
			t.Errorf("%s: got status %d and %d bytes, want a script that asks for completions", shell, got.status, len(got.stdout))
		}
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		c := exec.Command(shell, "-n")
		c.Stdin = strings.NewReader(got.stdout)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s -n: got %v\n%s", shell, err, out)
		}
	}
}

// Packages have the same manual pages whenever they are built.
func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	var stderr bytes.Buffer
	vars := []string{"SOURCE_DATE_EPOCH=86400"}
	if status := run(t.Context(), []string{"man", dir}, vars, &stderr, &stderr); status != statusOK {
		t.Fatalf("got status %d, %s", status, &stderr)
	}
	var names, want []string
	for _, c := range newRoot(environment{}).Commands() {
		if c.IsAvailableCommand() {
			want = append(want, "toponym-"+c.Name()+".1")
		}
	}
	want = append(want, "toponym.1")
	slices.Sort(want)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("got the pages %v, want %v", names, want)
	}
	page, err := os.ReadFile(filepath.Join(dir, "toponym-watch.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`.TH "TOPONYM-WATCH" "1" "Jan 1970" "toponym `, `\fB-o\fP="text"`, `\fB-suffix\fP=`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("toponym-watch.1: got\n%s\nwant %q in it", page, want)
		}
	}
	if got := run(t.Context(), []string{"man", dir}, []string{"SOURCE_DATE_EPOCH=today"}, &stderr, &stderr); got != statusFailed {
		t.Errorf("SOURCE_DATE_EPOCH=today: got status %d, want 1", got)
	}
}
