//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// imageArchive names the released image as skopeo does.
func imageArchive(t *testing.T) string {
	t.Helper()
	requireTool(t, "skopeo", "skopeo")
	return "oci-archive:" + filepath.Join(releaseDir(t), "toponym-"+released+"-oci.tar") + ":" + released
}

// Programs of others read the image: this one copies it into registries.
func TestImageIsReadBySkopeo(t *testing.T) {
	t.Parallel()
	archive := imageArchive(t)
	for _, arch := range []string{"amd64", "arm64"} {
		r := run(t, "skopeo", "--insecure-policy", "--override-arch", arch, "inspect", "--config", archive)
		if r.status != 0 || !strings.Contains(r.stdout, `"architecture":"`+arch+`"`) && !strings.Contains(r.stdout, `"architecture": "`+arch+`"`) {
			t.Errorf("inspect for %s: exit status %d\n%s", arch, r.status, r)
		}
	}
	if r := run(t, "skopeo", "--insecure-policy", "copy", "--all", archive, "dir:"+t.TempDir()); r.status != 0 {
		t.Errorf("copy: exit status %d\n%s", r.status, r)
	}
}

// docker-compose checks files against the schema of compose files.
func TestComposeFileIsValid(t *testing.T) {
	t.Parallel()
	requireTool(t, "docker-compose", "docker-compose")
	if r := run(t, "docker-compose", "-f", filepath.Join("..", "..", "..", "deploy", "compose.yaml"), "config", "--quiet"); r.status != 0 || r.String() != "" {
		t.Errorf("exit status %d\n%s", r.status, r)
	}
}

// container is an image that runc runs in a network namespace.
type container struct {
	namespace
	bundle, state string // directories of runc
	config        imageConfig
	process       *process
}

// imageConfig has the members of an OCI image configuration that say what is run.
type imageConfig struct {
	Architecture string
	Config       struct {
		User            string
		Env             []string
		Entrypoint, Cmd []string
		Healthcheck     struct{ Test []string }
		WorkingDir      string
	}
}

// startContainer unpacks the image for an architecture, and starts it as a container
// engine does: with its user, command and variables, and with variables of its operator.
// qemu runs the programs of another architecture than that of this machine.
func (n namespace) startContainer(t *testing.T, arch string, variables ...string) *container {
	t.Helper()
	c := &container{namespace: n, bundle: t.TempDir(), state: t.TempDir()}
	c.unpack(t, arch)
	c.configure(t, variables, emulator(t, arch))
	t.Cleanup(func() { // when runc was killed, or has left something behind
		_ = exec.Command("runc", "--root", c.state, "delete", "--force", "toponym").Run()
	})
	c.process = n.start(t, "runc", "--root", c.state, "run", "--bundle", c.bundle, "toponym")
	return c
}

// emulator returns the path of the program that runs those of another architecture, or
// nothing if there is no need for one.
func emulator(t *testing.T, arch string) string {
	t.Helper()
	if arch == runtime.GOARCH {
		return ""
	}
	name := "qemu-" + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch] + "-static"
	requireTool(t, name, "qemu-user-static")
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (c *container) root() string { return filepath.Join(c.bundle, "rootfs") }

// unpack writes the files of the image below the root directory.
func (c *container) unpack(t *testing.T, arch string) {
	t.Helper()
	blobs := t.TempDir()
	if r := run(t, "skopeo", "--insecure-policy", "--override-arch", arch, "copy", imageArchive(t), "dir:"+blobs); r.status != 0 {
		t.Fatalf("copy: exit status %d\n%s", r.status, r)
	}
	blob := func(digest string) string { return filepath.Join(blobs, strings.TrimPrefix(digest, "sha256:")) }
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	readJSON(t, blob("manifest.json"), &manifest)
	readJSON(t, blob(manifest.Config.Digest), &c.config)
	if c.config.Architecture != arch || len(manifest.Layers) == 0 {
		t.Fatalf("image: got architecture %q and %d layers, want %s and at least one", c.config.Architecture, len(manifest.Layers), arch)
	}
	if err := os.Mkdir(c.root(), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, l := range manifest.Layers {
		r := run(t, "tar", "--extract", "--file", blob(l.Digest), "--directory", c.root(),
			"--preserve-permissions", "--same-owner", "--xattrs", "--xattrs-include=security.capability")
		if r.status != 0 {
			t.Fatalf("tar: exit status %d\n%s", r.status, r)
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// configure writes what runc reads: an OCI runtime configuration as Docker makes it of the
// image, but with no namespace for the network. That is the one that runc is started in.
func (c *container) configure(t *testing.T, variables []string, emulator string) {
	t.Helper()
	var uid, gid int
	if _, err := fmt.Sscanf(c.config.Config.User, "%d:%d", &uid, &gid); err != nil || uid == 0 || gid == 0 {
		t.Fatalf("user of the image: got %q, want numbers of a user and a group that are not root", c.config.Config.User)
	}
	// The program gets its privilege from its file. That of the emulator has none.
	privileges := []string{"CAP_NET_BIND_SERVICE"}
	capabilities := map[string][]string{"bounding": privileges}
	command := slices.Concat(c.config.Config.Entrypoint, c.config.Config.Cmd)
	type mount struct {
		Destination string   `json:"destination"`
		Type        string   `json:"type"`
		Source      string   `json:"source"`
		Options     []string `json:"options,omitempty"`
	}
	mounts := []mount{
		{"/proc", "proc", "proc", nil}, {"/dev", "tmpfs", "tmpfs", []string{"nosuid", "mode=755"}},
		{"/etc/resolv.conf", "bind", "/etc/resolv.conf", []string{"bind", "ro"}},
	}
	if emulator != "" {
		mounts = append(mounts, mount{"/emulator", "bind", emulator, []string{"bind", "ro"}})
		command = append([]string{"/emulator"}, command...)
		for _, set := range []string{"inheritable", "permitted", "effective", "ambient"} {
			capabilities[set] = privileges
		}
	}
	b, err := json.Marshal(map[string]any{
		"ociVersion": "1.0.2",
		"root":       map[string]any{"path": "rootfs"},
		"process": map[string]any{
			"user": map[string]int{"uid": uid, "gid": gid}, "args": command, "cwd": c.config.Config.WorkingDir,
			"env": slices.Concat(c.config.Config.Env, variables), "capabilities": capabilities,
		},
		"mounts": mounts,
		"linux":  map[string]any{"namespaces": []map[string]string{{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.bundle, "config.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// healthcheck runs the health check of the image in the container.
func (c *container) healthcheck(t *testing.T, emulator string) result {
	t.Helper()
	kind, command := c.config.Config.Healthcheck.Test[0], c.config.Config.Healthcheck.Test[1:]
	if kind != "CMD" {
		t.Fatalf("health check: got %q, want a command without a shell, which the image does not have", c.config.Config.Healthcheck.Test)
	}
	if emulator != "" {
		command = append([]string{"/emulator"}, command...)
	}
	return c.run(t, append([]string{"runc", "--root", c.state, "exec", "toponym"}, command...)...)
}

// wantBatches checks that a server that has answered has sent a response with the system
// call for batches, from what qemu has written. Before that it only asks for the call, to
// send nothing.
func wantBatches(t *testing.T, p *process) {
	t.Helper()
	sent := regexp.MustCompile(`sendmmsg\(\d+,[1-9]\d*,[1-9]`)
	eventually(t, "a response is sent by sendmmsg", func() (bool, string) {
		calls := p.stderr.String()
		return sent.MatchString(calls), calls[max(0, len(calls)-2000):]
	})
}

// The image runs on both architectures, as its user: it answers on port 53, is healthy, and
// has a snapshot when it ends.
func TestImageRuns(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	requireTool(t, "runc", "runc")
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			qemu := emulator(t, arch)
			n := newNamespace(t)
			n.startDemoMaster(t)
			// With the second variable, qemu writes down the system calls.
			c := n.startContainer(t, arch, "TOPONYM_MASTERS=127.0.0.1:5050", "QEMU_STRACE=1")
			n.wantAddresses(t, "nginx.marathon.mesos", nginxOfDemo...)
			if qemu != "" {
				wantBatches(t, c.process)
			}
			if r := c.healthcheck(t, qemu); r.status != 0 {
				t.Errorf("health check: exit status %d, want 0\n%s", r.status, r)
			}
			c.process.terminate(t)
			if status := c.process.wait(t); status != 0 {
				t.Errorf("exit status: got %d, want 0", status)
			}
			if _, err := os.Stat(filepath.Join(c.root(), "var/lib/toponym/cluster.snapshot")); err != nil {
				t.Errorf("snapshot: %v", err)
			}
		})
	}
}
