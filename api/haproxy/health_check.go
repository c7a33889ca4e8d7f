package haproxy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// healthCheck is how HAProxy checks the servers of a service. Its texts are written
// to the configuration as they are.
type healthCheck struct {
	request string // method and path of HTTP checks; empty: a connection is enough
	header  string // of the request: name and value
	expect  string // statuses
	timeout string
	server  map[string]string // parameters of the servers
}

// defaultCheck connects once per second.
func defaultCheck() healthCheck {
	return healthCheck{server: map[string]string{"inter": "1s", "fall": "2", "rise": "1"}}
}

// Lines that may stand in HAPROXY_n_BACKEND_…_HEALTHCHECK_OPTIONS. All characters
// that the groups match are harmless.
var (
	requestLine = regexp.MustCompile(`^option httpchk ((?:(?:GET|HEAD|OPTIONS) )?/[A-Za-z0-9/._~%!&+,:;=@?-]{0,500})(?: HTTP/1\.[01])?$`)
	headerLine  = regexp.MustCompile(`^http-check send hdr ([A-Za-z][A-Za-z0-9-]{0,60} [A-Za-z0-9._:/-]{1,200})$`)
	expectLine  = regexp.MustCompile(`^http-check expect status ([1-5][0-9][0-9](?:,[1-5][0-9][0-9]){0,9})$`)
	rangeLine   = regexp.MustCompile(`^http-check expect status ([1-5])00-([1-5])99$`)
	timeoutLine = regexp.MustCompile(`^timeout check ([0-9a-z]{1,10})$`)
)

// readBackend reads lines for the backend. Marathon-LB replaces "{…}" by
// properties of Marathon's health checks, which Mesos does not report.
func (c *healthCheck) readBackend(s *service, key, value string) {
	value = strings.NewReplacer("\\n", "\n", "{healthCheckPath}", "/").Replace(value)
	for line := range strings.Lines(value) {
		line = strings.Join(strings.Fields(line), " ")
		if line != "" && line != "option tcp-check" && !c.readLine(line) {
			s.note("%s has the line %s, which has no effect", s.label(key), quote(line))
		}
	}
	if c.request == "" && (c.header != "" || c.expect != "") {
		s.note("%s has no line option httpchk: servers are checked by a connection", s.label(key))
	}
}

// readLine reads one line, with single spaces. It returns false if it cannot be
// used.
func (c *healthCheck) readLine(line string) bool {
	if m := rangeLine.FindStringSubmatch(line); m != nil && m[1] <= m[2] {
		c.expect = m[1] + "00-" + m[2] + "99"
		return true
	}
	for _, kind := range []struct {
		pattern *regexp.Regexp
		text    *string
	}{{requestLine, &c.request}, {headerLine, &c.header}, {expectLine, &c.expect}} {
		if m := kind.pattern.FindStringSubmatch(line); m != nil {
			*kind.text = m[1]
			return true
		}
	}
	m := timeoutLine.FindStringSubmatch(line)
	if m == nil || !isDuration(m[1]) {
		return false
	}
	c.timeout = m[1]
	return true
}

// isDuration reports whether HAProxy reads a text as a time that is reasonable
// between health checks: milliseconds unless there is a unit.
func isDuration(s string) bool {
	digits := strings.TrimRight(s, "ms")
	n, err := strconv.Atoi(digits)
	unit, ok := map[string]time.Duration{"": time.Millisecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute}[s[len(digits):]]
	if err != nil || !ok || n < 0 || n > 3_600_000 || !consistsOf(digits, func(c byte) bool { return '0' <= c && c <= '9' }) {
		return false
	}
	d := time.Duration(n) * unit
	return 100*time.Millisecond <= d && d <= time.Hour
}

// serverParameters are the parameters of servers that labels may set.
var serverParameters = []string{"inter", "fastinter", "downinter", "fall", "rise", "port"}

// readServer reads parameters of the servers.
func (c *healthCheck) readServer(s *service, key, value string) {
	fields := strings.Fields(value)
	for i := 0; i < len(fields); i++ {
		name := fields[i]
		if name == "check" {
			continue
		}
		parameter := ""
		if i+1 < len(fields) {
			parameter = fields[i+1]
		}
		n, err := strconv.ParseUint(parameter, 10, 16)
		valid := err == nil && n > 0
		switch name {
		case "inter", "fastinter", "downinter":
			valid = isDuration(parameter)
		case "fall", "rise":
			valid = valid && n <= 1000
		}
		if !valid || !slices.Contains(serverParameters, name) {
			s.note("%s has %s, which has no effect", s.label(key), quote(strings.Join(fields[i:], " ")))
			return
		}
		c.server[name] = parameter
		i++
	}
}

// backendLines returns the lines of the backend.
func (c *healthCheck) backendLines() (lines []string) {
	if c.request != "" {
		lines = append(lines, "option httpchk "+c.request)
		if c.header != "" {
			lines = append(lines, "http-check send hdr "+c.header)
		}
		if c.expect != "" {
			lines = append(lines, "http-check expect status "+c.expect)
		}
	}
	if c.timeout != "" {
		lines = append(lines, "timeout check "+c.timeout)
	}
	return lines
}

// parameters returns the parameters of the servers.
func (c *healthCheck) parameters() string {
	b := strings.Builder{}
	b.WriteString("check")
	for _, name := range serverParameters {
		if value := c.server[name]; value != "" {
			b.WriteString(" " + name + " " + value)
		}
	}
	return b.String()
}
