//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// With -veth, this program and the servers run in a network namespace, and the
// generators in another. A pair of virtual interfaces connects them, with addresses for
// benchmarks (RFC 2544, appendix C.2.2). Nothing else is in either of them, and both end
// with their processes.
var (
	serverVeth = netip.MustParsePrefix("198.18.0.1/30")
	clientVeth = netip.MustParsePrefix("198.18.0.2/30")
)

// inNamespace is set in the environment of a program that runInNamespace has started.
const inNamespace = "TOPONYM_BENCH_NAMESPACE"

// runInNamespace runs this program again in a network namespace. Where that is
// impossible, it prints the reason and measures nothing.
func runInNamespace(args []string, stdout, stderr io.Writer) error {
	if why := noNamespaces(); why != nil {
		fmt.Fprintf(stderr, "SKIPPED -veth: %v\n", why)
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	return cmd.Run()
}

func noNamespaces() error {
	if os.Getuid() != 0 {
		return errors.New("only root can make network namespaces")
	}
	for _, program := range []string{"ip", "nsenter", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	return nil
}

// connectNamespaces makes the namespace of the generators, and the pair of interfaces.
func (l *lab) connectNamespaces() error {
	hold, err := l.start("namespace", []int{l.o.ClientCore}, "unshare", "--net", "--", "sleep", "infinity")
	if err != nil {
		return err
	}
	pid := strconv.Itoa(hold.pid())
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	err = hold.await(10*time.Second, func() error {
		theirs, err := os.Readlink("/proc/" + pid + "/ns/net")
		if err == nil && theirs == ours {
			err = errors.New("it has the namespace of the servers")
		}
		return err
	})
	if err != nil {
		return err
	}
	l.clients = []string{"nsenter", "--target", pid, "--net", "--"}
	commands := fmt.Sprintf(`ip link set lo up
ip link add servers type veth peer name clients netns %[1]s
ip address add %[2]s dev servers
ip link set servers up
%[4]s ip link set lo up
%[4]s ip address add %[3]s dev clients
%[4]s ip link set clients up`, pid, serverVeth, clientVeth, strings.Join(l.clients, " "))
	lines := bufio.NewScanner(strings.NewReader(commands))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if out, err := exec.Command(f[0], f[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", lines.Text(), err, out)
		}
	}
	l.at = serverVeth.Addr()
	return nil
}
