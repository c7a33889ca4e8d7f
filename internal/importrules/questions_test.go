package importrules

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// answered has, for each question of docs/faq.md that names a section, a part of the
// sentence there that answers it: whoever rewrites the section has to keep the answer.
var answered = map[string]string{
	"How is it installed?":                                                   "apt install ./dist/toponym_*_amd64.deb    # or: dnf install ./dist/toponym-*.x86_64.rpm",
	"How is it removed again, and what stays?":                               "`apt purge toponym` removes both, and the user",
	"How does it run in a container?":                                        "docker load -i dist/toponym-0.1.0-oci.tar",
	"How does it find the masters?":                                          "On a machine with a Mesos agent nothing is needed",
	"Can the configuration file of Mesos-DNS be used?":                       "A configuration file of Mesos-DNS works as it is",
	"Masters require a password: where is it set?":                           "HTTP basic authentication with `principal` and `secret` of `mesosCredentials`",
	"What would change for clients of Mesos-DNS?":                            "toponym compare -config /etc/mesos-dns/config.json",
	"How do we go back to Mesos-DNS?":                                        "systemctl start mesos-dns",
	"Port 53 is in use: what now?":                                           "set `DNSStubListener=no`",
	"Which ports must a firewall let through?":                               "53, UDP and TCP (`port`)",
	"How many servers, and where?":                                           "Toponym on two or three hosts, such as those of the masters",
	"What belongs into resolv.conf, and into containers?":                    "Give Docker an address that such containers reach",
	"How much memory and CPU does it take?":                                  "memory, 100,000 tasks",
	"What has to be monitored?":                                              "Three things deserve an alert",
	"Which probe tells a load balancer or keepalived that it is healthy?":    "`/readyz` is 200 as soon as names can be answered",
	"How is it upgraded, and how do we go back?":                             "To go back, install the version before",
	"What has to be backed up?":                                              "Nothing has to be backed up but the configuration file and what it names",
	"What happens when the masters are away?":                                "A cluster whose masters are all away keeps its names",
	"Does a changed setting need a restart?":                                 "Most take effect at once",
	"Where are the logs?":                                                    "journalctl -u toponym",
	"How are queries logged?":                                                "`queryLog` says where a line is written for each query",
	"Who can read what, and how is it closed?":                               "`httpAuth` says who may read a path",
	"Where do passwords and keys belong?":                                    "be passed with `LoadCredential=`",
	"What is my app called?":                                                 "A Marathon app `/shop/cart` runs as the task `cart.shop`",
	"Why has a task no name?":                                                "NXDOMAIN for a task that runs",
	"How are all other names forwarded, and those of our company elsewhere?": `"zoneResolvers": {"corp.example.com": ["10.1.0.1"]}`,
	"Can we have records of our own?":                                        "`staticZones` lists zone files",
	"Can BIND or Knot carry copies of the zones?":                            "toponym secondary bind -config config.json",
}

// An operator who knows nothing but the pages finds answers: each question of
// docs/faq.md leads to a section that has one.
func TestQuestionsOfOperatorsAreAnswered(t *testing.T) {
	all := pages(t)
	faq := filepath.Join(root, "docs", "faq.md")
	rows := regexp.MustCompile(`(?m)^\| (.+\?) \| \[[^\]]+\]\(([^)#]+)#([^)]+)\) \|$`).FindAllStringSubmatch(all[faq], -1)
	if len(rows) < 20 || len(rows) != len(answered) {
		t.Errorf("got %d questions with a section and %d with an answer, want the same, and at least 20", len(rows), len(answered))
	}
	for _, row := range rows {
		question, target := row[1], filepath.Join(filepath.Dir(faq), row[2])
		text, found := sectionOf(all[target], row[3])
		switch answer := answered[question]; {
		case !found:
			t.Errorf("%s got no heading #%s in %s, want one", question, row[3], row[2])
		case answer == "":
			t.Errorf("%s got no answer in this test, want one", question)
		case !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(answer), " ")):
			t.Errorf("%s got no %q in %s#%s, want the answer there", question, answer, row[2], row[3])
		}
	}
}

// sectionOf returns the text from the heading with an anchor to the next one of its kind.
func sectionOf(page, anchor string) (string, bool) {
	for _, at := range heading.FindAllStringIndex(page, -1) {
		title := page[at[0]:at[1]]
		if !anchors(title)[anchor] {
			continue
		}
		marks, _, _ := strings.Cut(title, " ")
		rest, _, _ := strings.Cut(page[at[1]:], "\n"+marks+" ")
		return rest, true
	}
	return "", false
}
