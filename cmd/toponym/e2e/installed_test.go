//go:build e2e

package e2e_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

// chroot is the root directory of a minimal Debian in a namespace, whose network is
// a loopback interface.
type chroot struct {
	namespace
	dir string
}

// bareDebian makes a chroot of the release and from the mirrors that this machine
// uses, with apt, the packages that every Debian has and those that the package needs.
func bareDebian(t *testing.T) chroot {
	t.Helper()
	requireTool(t, "mmdebstrap", "mmdebstrap")
	missing := t.Skipf
	if os.Getenv("CI") != "" {
		missing = t.Fatalf
	}
	if os.Getuid() != 0 {
		missing("a chroot needs root")
	}
	suite, sources := debianSources(t)
	if suite == "" || len(sources) == 0 {
		missing("got the release %q and the sources %q of this machine, want those of a Debian", suite, sources)
	}
	c := chroot{namespace: newNamespace(t), dir: filepath.Join(t.TempDir(), "root")}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "tar", "--extract", "--file", bareDebianFiles(t, suite, sources), "--directory", c.dir, "--same-owner", "--preserve-permissions"); r.status != 0 {
		t.Fatal(r)
	}
	if r := c.namespace.run(t, "mount", "-t", "proc", "proc", filepath.Join(c.dir, "proc")); r.status != 0 {
		t.Fatal(r)
	}
	return c
}

// downloadedDebian is the archive of the files of a bare Debian, made once for all tests.
var downloadedDebian struct {
	sync.Mutex
	archive string
}

// bareDebianFiles returns that archive.
func bareDebianFiles(t *testing.T, suite string, sources []string) string {
	t.Helper()
	downloadedDebian.Lock()
	defer downloadedDebian.Unlock()
	if downloadedDebian.archive == "" {
		archive := filepath.Join(filepath.Dir(toponym), "debian.tar")
		arguments := []string{"--quiet", "--variant=apt", "--dpkgopt=force-unsafe-io", "--include=systemd-standalone-sysusers,passwd", suite, archive}
		switch r := run(t, "mmdebstrap", append(arguments, sources...)...); {
		case r.status == 0:
		case strings.Contains(r.stderr, "apt-get update") && strings.Contains(r.stderr, "failed"):
			t.Skipf("the mirrors of Debian cannot be reached:\n%s", tail(r.String()))
		default:
			t.Fatalf("mmdebstrap: exit status %d\n%s", r.status, tail(r.String()))
		}
		downloadedDebian.archive = archive
	}
	return downloadedDebian.archive
}

// debianSources returns the name of this machine's Debian release and the lists of its
// mirrors.
func debianSources(t *testing.T) (suite string, lists []string) {
	t.Helper()
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", nil
	}
	for line := range strings.Lines(string(release)) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); found {
			suite = strings.Trim(name, `"`)
		}
	}
	for _, pattern := range []string{"/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"} {
		files, _ := filepath.Glob(pattern) // the pattern is good
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			// Those of other software have other suites, such as "stable" or "NAME-pgdg".
			if words := strings.Fields(string(b)); slices.Contains(words, suite) && slices.Contains(words, "main") {
				lists = append(lists, f)
			}
		}
	}
	return suite, lists
}

// command returns the arguments of nsenter that run line in the chroot.
func (c chroot) command(line ...string) []string {
	return c.namespace.command(append([]string{"chroot", c.dir}, line...)...)
}

func (c chroot) run(t *testing.T, line ...string) result {
	t.Helper()
	return run(t, "nsenter", c.command(line...)...)
}

// succeed is run for a command that has to succeed.
func (c chroot) succeed(t *testing.T, line ...string) string {
	t.Helper()
	r := c.run(t, line...)
	if r.status != 0 {
		t.Fatalf("%s: exit status %d\n%s", strings.Join(line, " "), r.status, r)
	}
	return r.stdout
}

// install installs or upgrades a package.
func (c chroot) install(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := "/tmp/" + filepath.Base(file)
	if err := os.WriteFile(filepath.Join(c.dir, at), b, 0o644); err != nil {
		t.Fatal(err)
	}
	c.succeed(t, "apt", "install", "--yes", at) // without a network: nothing else may be needed
}

// files lists all files and directories, without those of the kernel and of programs
// that run.
func (c chroot) files(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, c.dir)
		if slices.Contains([]string{"/dev", "/proc", "/run", "/sys", "/tmp"}, name) {
			return fs.SkipDir
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// startService starts the command of a unit as systemd would: as its user, with its
// capabilities, variables and state directory.
func (c chroot) startService(t *testing.T, name string) *process {
	t.Helper()
	f, err := os.Open(filepath.Join(c.dir, "usr/lib/systemd/system", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options, err := unit.DeserializeOptions(f)
	if err != nil {
		t.Fatal(err)
	}
	service := map[string]string{}
	for _, o := range options {
		if o.Section == "Service" {
			service[o.Name] = strings.ReplaceAll(o.Value, "%S", "/var/lib")
		}
	}
	for _, required := range []string{"ExecStart", "User", "Group", "AmbientCapabilities", "CapabilityBoundingSet", "Environment", "StateDirectory", "StateDirectoryMode"} {
		if service[required] == "" {
			t.Fatalf("%s: got no %s", name, required)
		}
	}
	state := "/var/lib/" + service["StateDirectory"]
	c.succeed(t, "install", "-d", "-o", service["User"], "-g", service["Group"], "-m", service["StateDirectoryMode"], state)
	only := func(capabilities string) string {
		return "-all,+" + strings.ToLower(strings.TrimPrefix(capabilities, "CAP_"))
	}
	line := []string{
		"setpriv", "--reuid=" + service["User"], "--regid=" + service["Group"], "--clear-groups", "--no-new-privs",
		"--inh-caps=" + only(service["AmbientCapabilities"]), "--ambient-caps=" + only(service["AmbientCapabilities"]),
		"--bounding-set=" + only(service["CapabilityBoundingSet"]), "env", service["Environment"],
	}
	return start(t, "nsenter", c.command(append(line, strings.Fields(service["ExecStart"])...)...)...)
}

// wantAddresses waits until the server in the namespace answers with addresses.
func (n namespace) wantAddresses(t *testing.T, name string, want ...string) {
	t.Helper()
	eventually(t, "dig "+name+" finds "+strings.Join(want, " "), func() (bool, string) {
		r := n.run(t, "dig", "-r", "@127.0.0.1", "+short", "+tries=1", "+time="+strconv.Itoa(int(oneTry.Seconds())), name)
		got := strings.Fields(r.stdout)
		slices.Sort(got)
		return r.status == 0 && slices.Equal(got, want), r.String()
	})
}

// nginxOfDemo are the addresses of nginx.marathon.mesos in the simulated cluster of
// toponym demo.
var nginxOfDemo = []string{"192.168.50.65", "192.168.50.66", "192.168.84.192"}

// startDemoMaster starts a simulated master at 127.0.0.1:5050. The server that the demo
// has too is elsewhere.
func (n namespace) startDemoMaster(t *testing.T) *process {
	t.Helper()
	return n.start(t, toponym, "demo", "-dns", "127.0.0.1:8053", "-http", "127.0.0.1:8124", "-marathon", "off", "-every", "1h")
}

// From a Debian that has nothing but its essential packages to names of a cluster, over
// an upgrade, and back to a Debian that has nothing.
func TestDebianPackageInABareDebian(t *testing.T) {
	require(t, "dig")
	c := bareDebian(t)
	newer := filepath.Join(releaseDir(t), "toponym_1.2.3-1_"+runtime.GOARCH+".deb")
	older := olderPackage(t, newer, "1.2.2")
	bare := c.files(t)
	users := c.succeed(t, "cat", "/etc/passwd", "/etc/group")

	c.install(t, older)
	if got := c.succeed(t, "toponym", "version"); got != "1.2.2\n" {
		t.Errorf("version: got %q, want 1.2.2", got)
	}
	c.succeed(t, "toponym", "check", "-config", "/etc/toponym/config.json")
	// What a host with Mesos-DNS has, readable by root alone, goes where the unit reads it.
	const settings = `{
  "masters": ["127.0.0.1:5050"], "refreshSeconds": 60, "ttl": 60, "domain": "mesos", "port": 53, "resolvers": ["127.0.0.2"],
  "timeout": 5, "httpon": true, "dnson": true, "httpport": 8123, "externalon": true, "listener": "0.0.0.0",
  "SOAMname": "ns1.mesos", "SOARname": "root.ns1.mesos", "IPSources": ["netinfo", "mesos", "host"], "email": "root.mesos-dns.mesos"
}
`
	config := filepath.Join(c.dir, "etc/toponym/config.json")
	old := filepath.Join(c.dir, "etc/mesos-dns/config.json")
	if err := os.Mkdir(filepath.Dir(old), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	asUser := []string{"setpriv", "--reuid=toponym", "--regid=toponym", "--clear-groups", "toponym", "check", "-config"}
	if r := c.run(t, append(asUser, "/etc/mesos-dns/config.json")...); r.status == 0 || !strings.Contains(r.stderr, "permission denied for the user with uid ") {
		t.Errorf("check of a file that the user cannot read: exit status %d, want a failure that names the user\n%s", r.status, r)
	}
	c.succeed(t, "install", "-m", "640", "-g", "toponym", "/etc/mesos-dns/config.json", "/etc/toponym/config.json")
	c.succeed(t, append(asUser, "/etc/toponym/config.json")...)
	if err := os.RemoveAll(filepath.Dir(old)); err != nil {
		t.Fatal(err)
	}
	master := c.startDemoMaster(t)
	service := c.startService(t, "toponym.service")
	c.wantAddresses(t, "nginx.marathon.mesos", nginxOfDemo...)
	c.succeed(t, "toponym", "status")
	c.succeed(t, "toponym", "status", "-live")
	service.terminate(t)
	if status := service.wait(t); status != 0 {
		t.Errorf("exit status: got %d, want 0", status)
	}
	master.terminate(t)
	master.wait(t)

	// Without a master, what the new version answers is from the snapshot.
	c.install(t, newer)
	if got := c.succeed(t, "toponym", "version"); got != "1.2.3\n" {
		t.Errorf("version after the upgrade: got %q, want 1.2.3", got)
	}
	if b, err := os.ReadFile(config); err != nil || string(b) != settings {
		t.Errorf("settings after the upgrade: got %q, %v; want those that were written", b, err)
	}
	service = c.startService(t, "toponym.service")
	c.wantAddresses(t, "nginx.marathon.mesos", nginxOfDemo...)
	c.succeed(t, "toponym", "status", "-live")
	if r := c.run(t, "toponym", "status"); r.status != 1 || !strings.Contains(r.stdout, "from the snapshot on disk") {
		t.Errorf("status without a master: exit status %d, want 1 and that the snapshot is served:\n%s", r.status, r)
	}
	service.terminate(t)
	service.wait(t)

	c.succeed(t, "apt", "remove", "--yes", "toponym")
	for _, kept := range []string{"etc/toponym/config.json", "var/lib/toponym/cluster.snapshot"} {
		if _, err := os.Stat(filepath.Join(c.dir, kept)); err != nil {
			t.Errorf("after the removal: %v, want that it is kept until the purge", err)
		}
	}
	c.succeed(t, "apt", "purge", "--yes", "toponym")
	c.wantOnly(t, bare, leftByPrograms)
	if got := c.succeed(t, "cat", "/etc/passwd", "/etc/group"); got != users {
		t.Errorf("users after the purge: got\n%s\nwant\n%s", got, users)
	}
}

// olderPackage makes a package of another version of one, with a program that has the
// version. It takes a fraction of the time of a release.
func olderPackage(t *testing.T, file, version string) string {
	t.Helper()
	dir := t.TempDir()
	tree, out := filepath.Join(dir, "tree"), filepath.Join(dir, "older.deb")
	control := filepath.Join(tree, "DEBIAN", "control")
	for _, line := range [][]string{
		{"dpkg-deb", "--raw-extract", file, tree},
		{"sed", "-i", "s/^Version: .*/Version: " + version + "-1/", control},
		{"go", "build", "-o", filepath.Join(tree, "usr/bin/toponym"), "-ldflags=-X main.release=" + version, "toponym/cmd/toponym"},
		{"dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", tree, out},
	} {
		if r := run(t, line[0], line[1:]...); r.status != 0 {
			t.Fatalf("%s: exit status %d\n%s", strings.Join(line, " "), r.status, r)
		}
	}
	return out
}

// wantOnly looks for files that are in neither list.
func (c chroot) wantOnly(t *testing.T, bare, left []string) {
	t.Helper()
	for _, name := range c.files(t) {
		if !slices.Contains(bare, name) && !slices.Contains(left, name) {
			t.Errorf("after the removal: got %s, which was not there before the installation", name)
		}
	}
}

// An rpm package does what those of a distribution do: the service runs as its user, an
// upgrade keeps the settings, and a removal keeps what others have written. There is no
// distribution with RPM here, so rpm installs into the files of a Debian, whose packages
// it does not know.
func TestRPMPackageInAChroot(t *testing.T) {
	require(t, "dig")
	requireTool(t, "rpm", "rpm")
	c := bareDebian(t)
	file := filepath.Join(releaseDir(t), "toponym-"+released+"-1."+map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]+".rpm")
	bare := c.files(t)
	rpm := func(arguments ...string) string {
		t.Helper()
		line := append([]string{"rpm", "--root", c.dir, "--dbpath", "/run/rpm"}, arguments...)
		r := c.namespace.run(t, line...)
		if r.status != 0 || strings.Contains(r.stderr, "warning") && !strings.Contains(r.stderr, ".rpmsave") {
			t.Fatalf("%s: exit status %d\n%s", strings.Join(line, " "), r.status, r)
		}
		return r.stdout
	}
	if got := rpm("--query", "--requires", "--package", file); !strings.Contains(got, "/usr/bin/systemd-sysusers") {
		t.Errorf("requirements: got\n%s\nwant the program that makes the user", got)
	}

	rpm("--install", "--nodeps", file)
	rpm("--verify", "--nodeps", "toponym")
	if got := c.succeed(t, "toponym", "version"); got != released+"\n" {
		t.Errorf("version: got %q, want %s", got, released)
	}
	c.succeed(t, "getent", "passwd", "toponym")
	c.succeed(t, "toponym", "check", "-config", "/etc/toponym/config.json")
	const settings = `{"masters": ["127.0.0.1:5050"]}`
	config := filepath.Join(c.dir, "etc/toponym/config.json")
	if err := os.WriteFile(config, []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	c.startDemoMaster(t)
	for range 2 { // before and after an upgrade
		service := c.startService(t, "toponym.service")
		c.wantAddresses(t, "nginx.marathon.mesos", nginxOfDemo...)
		c.succeed(t, "toponym", "status")
		service.terminate(t)
		if status := service.wait(t); status != 0 {
			t.Errorf("exit status: got %d, want 0", status)
		}
		rpm("--upgrade", "--nodeps", "--replacepkgs", file)
		if b, err := os.ReadFile(config); err != nil || string(b) != settings {
			t.Errorf("settings after the upgrade: got %q, %v; want those that were written", b, err)
		}
	}

	rpm("--erase", "toponym")
	c.wantOnly(t, bare, append([]string{
		"/etc/toponym", "/etc/toponym/config.json.rpmsave",
		"/var/lib/toponym", "/var/lib/toponym/cluster.snapshot", "/var/lib/toponym/serial.limit",
		// Directories that other packages have, in distributions with RPM.
		"/usr/lib/sysusers.d", "/usr/share/fish", "/usr/share/fish/vendor_completions.d", "/usr/share/licenses",
		"/usr/share/zsh", "/usr/share/zsh/site-functions",
	}, leftByPrograms...))
	c.succeed(t, "getent", "passwd", "toponym") // owns the files that are left
}

// leftByPrograms are logs and caches of dpkg and apt, and files of programs that the
// scripts of the package call: copies of files that they have changed.
var leftByPrograms = []string{
	"/var/log/dpkg.log", "/var/log/apt/eipp.log.xz", "/var/log/apt/history.log", "/var/log/apt/term.log",
	"/var/cache/apt/pkgcache.bin", "/var/cache/apt/srcpkgcache.bin", "/var/lib/apt/lists/auxfiles",
	"/etc/gshadow-", "/etc/shadow-", "/etc/subgid-", "/etc/subuid-",
}
