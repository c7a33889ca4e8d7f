package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"toponym/config"
)

// file writes settings and returns their path.
func file(content string) string {
	dir, err := os.MkdirTemp("", "config")
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "config.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		panic(err)
	}
	return path
}

func ExampleLoad() {
	path := file(`{"masters": ["10.0.0.1:5050"], "domain": "mesos", "ttl": 60, "refreshSecond": 30}`)
	defer os.RemoveAll(filepath.Dir(path))

	c, warnings, err := config.Load(path, []string{"TOPONYM_TTL=5"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range warnings {
		fmt.Println("warning:", w)
	}
	fmt.Println(c.Masters, c.Domain, c.TTL, c.Refresh)
	// Output:
	// warning: refreshSecond: unknown key, ignored; did you mean refreshSeconds?
	// [10.0.0.1:5050] mesos 5 1m0s
}

func ExampleLoad_errors() {
	path := file(`{"masters": ["10.0.0.1:x"], "port": 70000}`)
	defer os.RemoveAll(filepath.Dir(path))

	_, _, err := config.Load(path, nil)
	var errs config.Errors
	if errors.As(err, &errs) {
		for _, e := range errs {
			fmt.Println(e.Key, e.Problem)
		}
	}
	// Output:
	// masters[0] has no port from 1 to 65535
	// port is out of range
}

func ExampleConfig_Describe() {
	c := config.Defaults()
	c.MesosCredentials.Secret = "hunter2"
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "ttl ") || strings.HasPrefix(line, "mesosCredentials.secret ") {
			fmt.Print(line)
		}
	}
	// Output:
	// ttl                        = 10
	// mesosCredentials.secret    = "******"
}

func ExampleConfig_Follow() {
	before, after := config.Defaults(), config.Defaults()
	after.SRVRecordDefaultWeight, after.HistoryVersions = 5, 9
	merged, changes := before.Follow(after)
	for _, c := range changes {
		fmt.Println(c.Key, c.From, c.To, c.Live)
	}
	fmt.Println(merged.SRVRecordDefaultWeight, merged.HistoryVersions)
	// Output:
	// srvRecordDefaultWeight 1 5 true
	// historyVersions 10000 9 false
	// 5 10000
}
