package importrules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Durations must not depend on the wall clock: when an operator or NTP sets it,
// a timeout would be late or early by the difference. time.Now has a monotonic
// reading as well, which Sub, Since and Until use as long as it is kept. These
// calls drop it, or make a time without one.
var wallTime = []string{
	"Unix", "UnixMilli", "UnixMicro", "UnixNano", "UTC", "Local", "AddDate",
	"time.Unix", "time.UnixMilli", "time.UnixMicro", "time.Date", "time.Parse",
}

// mayUseWallTime lists the packages that need wall time, with the calls and the
// reason.
var mayUseWallTime = map[string]string{
	"api:UTC":                        "times are shown in UTC",
	"cmd/release:UTC":                "files have the date of the commit",
	"cmd/release:Unix":               "SOURCE_DATE_EPOCH is a Unix time",
	"cmd/release:time.Unix":          "SOURCE_DATE_EPOCH is a Unix time",
	"cmd/toponym:UTC":                "manual pages have a date",
	"cmd/toponym:time.Unix":          "preview shows the same on every day; SOURCE_DATE_EPOCH is a Unix time",
	"internal/fakedns:time.Unix":     "a deadline in the past ends a read",
	"internal/plot:UTC":              "axes have the time of day in UTC",
	"internal/plot:UnixMilli":        "axes are of numbers",
	"records:UTC":                    "the time since when a task runs is shown in UTC",
	"records:time.Unix":              "statuses of tasks have Unix times",
	"resolver/dnstap:Unix":           "dnstap messages have Unix times",
	"resolver:Unix":                  "cookies carry a Unix time (RFC 9018 section 4.3)",
	"resolver:time.Unix":             "cookies carry a Unix time; a deadline in the past ends a read",
	"resolver/secondaries:UnixMilli": "metrics have Unix times",
	"resolver/transfer:Unix":         "TSIG records carry a Unix time (RFC 8945 section 4.2)",
	"state/master:UnixMilli":         "a metric tells the Unix time of the last contact",
	"resolver/upstream:UnixNano":     "a number that is hard to guess, not a time",
	"resolver/upstream:time.Unix":    "a deadline in the past ends a read",
	"state:time.UnixMicro":           "masters write the time of their election",
	"state/leader:UTC":               "the status is shown in UTC",
	"state/master:Unix":              "login tokens expire at a Unix time (RFC 7519 section 4.1.4)",
	"state/snapshot:UTC":             "names of damaged files contain their time",
	"state/snapshot:UnixNano":        "a snapshot outlives the process and its monotonic clock",
	"state/snapshot:time.Unix":       "a snapshot outlives the process and its monotonic clock",
	"zone:Unix":                      "serials grow with Unix time",
}

// The simulation and the benchmarks are not in the server.
var withoutWallTimeRule = []string{"sim", "cmd/mesos-sim", "cmd/toponym/bench"}

func TestDurationsDoNotDependOnTheWallClock(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg = filepath.ToSlash(pkg)
		exempt := slices.ContainsFunc(withoutWallTimeRule, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
		if d.IsDir() || exempt || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		for _, call := range wallTimeCalls(file) {
			used[pkg+":"+call.name] = true
			if mayUseWallTime[pkg+":"+call.name] == "" {
				t.Errorf("%s: %s drops the monotonic clock: keep the time.Time for durations, or add %q to mayUseWallTime with a reason",
					files.Position(call.at), call.name, pkg+":"+call.name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range mayUseWallTime {
		if !used[key] {
			t.Errorf("mayUseWallTime has %q, which nothing uses any more: remove it", key)
		}
	}
}

type wallTimeCall struct {
	name string // as in wallTime
	at   token.Pos
}

func wallTimeCalls(file *ast.File) (calls []wallTimeCall) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		name := selector.Sel.Name
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == "time" {
			name = "time." + name
		}
		// Round(0) is the way to drop the monotonic clock on purpose.
		if name == "Round" && len(call.Args) == 1 {
			if zero, ok := call.Args[0].(*ast.BasicLit); ok && zero.Value == "0" {
				calls = append(calls, wallTimeCall{"Round(0)", call.Pos()})
			}
		}
		if slices.Contains(wallTime, name) {
			calls = append(calls, wallTimeCall{name, call.Pos()})
		}
		return true
	})
	return calls
}

func TestTheWallClockRuleFindsWhatDropsTheMonotonicClock(t *testing.T) {
	const source = `package p
import "time"
var a = time.Now().UnixNano()
var b = time.Unix(0, 1)
var c = time.Now().Round(0)
var d = time.Since(time.Now()).Round(time.Second)
var e = time.Now().UTC().Sub(time.Now())
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range wallTimeCalls(file) {
		got = append(got, c.name)
	}
	if want := []string{"UnixNano", "time.Unix", "Round(0)", "UTC"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
