package master

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// statusError is an answer other than the one that was asked for.
type statusError struct {
	status int
	text   string
	after  time.Duration // the least time to wait before asking again; 0 where the master does not say
}

func (e *statusError) Error() string { return e.text }

// maxRetryAfter bounds for how long a master can send us away.
const maxRetryAfter = 5 * time.Minute

// refusal says what an answer that is no good means.
func (a authentication) refusal(resp *http.Response) error {
	e := &statusError{status: resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.text = a.refused(resp.StatusCode)
	default:
		e.text = fmt.Sprintf("status %d%s", resp.StatusCode, firstLine(resp.Body))
	}
	if n, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
		e.after = min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	return e
}

// firstLine is the beginning of an error's body for the log.
func firstLine(r io.Reader) string {
	line, _ := bufio.NewReader(io.LimitReader(r, 200)).ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return fmt.Sprintf(": %q", line)
	}
	return ""
}

// short is an error without what is different each time: the URL, which the
// caller names, and the port on this side.
func short(err error) error {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	if de := (*net.DNSError)(nil); errors.As(err, &de) {
		// Its text quotes the connection to the resolver, "read udp
		// 10.0.0.1:41872->10.0.0.2:53: i/o timeout"; the end is what happened.
		return fmt.Errorf("looking up %s: %s", de.Name, strings.TrimSpace(de.Err[strings.LastIndex(de.Err, ": ")+1:]))
	}
	if oe := (*net.OpError)(nil); errors.As(err, &oe) {
		return fmt.Errorf("%s: %w", oe.Op, oe.Err)
	}
	return err
}
