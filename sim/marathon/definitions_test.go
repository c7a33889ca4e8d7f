package marathon

import (
	"errors"
	"strings"
	"testing"
)

// TestDefinitionsAreTakenAsByMarathon: each row is a definition, and what Marathon
// 1.5 and newer do with it: take it, or refuse it with an error at a path.
func TestDefinitionsAreTakenAsByMarathon(t *testing.T) {
	for name, tt := range map[string]struct{ definition, refused string }{
		"a member twice":                     {`{"id":"/a","cmd":"x","env":{"A":"1","B":"2","A":"3"}}`, ""},
		"an object twice":                    {`{"id":"/a","cmd":"x","labels":{"a":"1"},"labels":{"b":"1"}}`, ""},
		"null after a value":                 {`{"id":"/a","cmd":"x","instances":-1,"instances":null}`, ""},
		"uris beside an equal fetch":         {`{"id":"/a","cmd":"x","uris":["http://f/a.tgz"],"fetch":[{"uri":"http://f/a.tgz","extract":true}]}`, ""},
		"uris beside another fetch":          {`{"id":"/a","cmd":"x","uris":["http://f/a.tgz"],"fetch":[{"uri":"http://f/b.tgz"}]}`, "/uris: may not be set"},
		"words in another case":              {`{"id":"/a","container":{"type":"docker","docker":{"image":"i","network":"bridge","portMappings":[{"containerPort":80,"protocol":"TCP"}]},"volumes":[{"containerPath":"/a","hostPath":"/b","mode":"ro"}]},"killSelection":"oldest_first","healthChecks":[{"protocol":"http"}]}`, ""},
		"modes in another case":              {`{"id":"/a","cmd":"x","networks":[{"mode":"Host"}],"portDefinitions":[{"protocol":"UDP,tcp"}]}`, ""},
		"whole numbers with a fraction":      {`{"id":"/a","cmd":"x","instances":1.0,"ports":[0.0],"gpus":0e0,"backoffSeconds":1e1}`, ""},
		"half an instance":                   {`{"id":"/a","cmd":"x","instances":1.5}`, "/instances: error.expected.int"},
		"a Mesos container without cmd":      {`{"id":"/a","container":{"type":"MESOS"}}`, ""},
		"a Docker container without cmd":     {`{"id":"/a","container":{"type":"DOCKER","docker":{"image":"i"}}}`, ""},
		"an address without cmd":             {`{"id":"/a","ipAddress":{"networkName":"n"}}`, "/: AppDefinition must either contain"},
		"a container with cmd and args":      {`{"id":"/a","cmd":"x","args":["y"],"container":{"type":"MESOS"}}`, "/: AppDefinition must either contain"},
		"a port name with an underscore":     {`{"id":"/a","cmd":"x","portDefinitions":[{"name":"web_ui"}]}`, "/portDefinitions(0)/name: error.pattern"},
		"a port name with capitals":          {`{"id":"/a","container":{"type":"MESOS","portMappings":[{"name":"Web"}]},"networks":[{"mode":"container/bridge"}]}`, "/container/portMappings(0)/name: error.pattern"},
		"a discovery name with capitals":     {`{"id":"/a","cmd":"x","ipAddress":{"networkName":"n","discovery":{"ports":[{"number":1,"name":"Web"}]}}}`, "/ipAddress/discovery/ports(0)/name: error.pattern"},
		"a port name with a dash at its end": {`{"id":"/a","cmd":"x","portDefinitions":[{"name":"web-"}]}`, "/portDefinitions(0)/name: error.pattern"},
		"a long port name":                   {`{"id":"/a","cmd":"x","portDefinitions":[{"name":"` + strings.Repeat("a", 80) + `"}]}`, ""},
		"two ports of one name":              {`{"id":"/a","cmd":"x","portDefinitions":[{"name":"a"},{"name":"a"}]}`, "/portDefinitions: Port names must be unique."},
		"two mappings of one name on a host": {`{"id":"/a","cmd":"x","container":{"type":"MESOS","portMappings":[{"name":"a"},{"name":"a"}]}}`, "/container/portMappings: Port names must be unique."},
		"two definitions on a network":       {`{"id":"/a","cmd":"x","networks":[{"mode":"container","name":"n"}],"portDefinitions":[{"name":"a"},{"name":"a"}]}`, "/portDefinitions: Port names must be unique."},
		"two discovery ports of one name":    {`{"id":"/a","cmd":"x","ipAddress":{"networkName":"n","discovery":{"ports":[{"number":1,"name":"a"},{"number":2,"name":"a"}]}}}`, "/container/portMappings: Port names must be unique."},
		"a network name with capitals":       {`{"id":"/a","cmd":"x","networks":[{"mode":"container","name":"Net"}]}`, "/networks(0)/name: error.pattern"},
		"a network name with a dot":          {`{"id":"/a","cmd":"x","networks":[{"mode":"container","name":"a.b"}]}`, "/networks(0)/name: error.pattern"},
		"a network name with an underscore":  {`{"id":"/a","cmd":"x","networks":[{"mode":"container","name":"a_b"}]}`, ""},
		"a long network name":                {`{"id":"/a","cmd":"x","networks":[{"mode":"container","name":"` + strings.Repeat("a", 64) + `"}]}`, "/networks(0)/name: error.pattern"},
		"a network of an address":            {`{"id":"/a","cmd":"x","ipAddress":{"networkName":"Net"}}`, "/ipAddress/networkName: error.pattern"},
		"tcp,udp in the 1.4 form":            {`{"id":"/a","container":{"type":"DOCKER","docker":{"image":"i","network":"BRIDGE","portMappings":[{"containerPort":1,"protocol":"tcp,udp"}]}}}`, ""},
		"tcp,udp in a mapping":               {`{"id":"/a","container":{"type":"MESOS","portMappings":[{"containerPort":1,"protocol":"tcp,udp"}]},"networks":[{"mode":"container/bridge"}]}`, "/container/portMappings(0)/protocol: error.unknown.enum.literal"},
		"tcp,udp in a definition":            {`{"id":"/a","cmd":"x","portDefinitions":[{"protocol":"tcp,udp"}]}`, "/portDefinitions(0)/protocol: error.unknown.enum.literal"},
		"udp,tcp":                            {`{"id":"/a","cmd":"x","portDefinitions":[{"protocol":"udp,tcp"}]}`, ""},
		"upgradeStrategy":                    {`{"id":"/a","cmd":"x","upgradeStrategy":{"minimumHealthCapacity":0.5,"maximumOverCapacity":0}}`, ""},
		"upgradeStrategy above 1":            {`{"id":"/a","cmd":"x","upgradeStrategy":{"minimumHealthCapacity":5,"maximumOverCapacity":0}}`, "/upgradeStrategy/minimumHealthCapacity: error.max"},
		"upgradeStrategy below 0":            {`{"id":"/a","cmd":"x","upgradeStrategy":{"minimumHealthCapacity":0,"maximumOverCapacity":-1}}`, "/upgradeStrategy/maximumOverCapacity: error.min"},
		"half an upgradeStrategy":            {`{"id":"/a","cmd":"x","upgradeStrategy":{"minimumHealthCapacity":0.5}}`, "/upgradeStrategy/maximumOverCapacity: error.path.missing"},
		"a number in the environment":        {`{"id":"/a","cmd":"x","env":{"PORT":80}}`, "/env/PORT: error.expected.jsstring"},
		"true in the environment":            {`{"id":"/a","cmd":"x","env":{"ON":true}}`, "/env/ON: error.expected.jsstring"},
		"a secret in the environment":        {`{"id":"/a","cmd":"x","env":{"KEY":{"secret":"s"}},"secrets":{"s":{"source":"/s"}}}`, ""},
		"constraints":                        {`{"id":"/a","cmd":"x","constraints":[["hostname","UNIQUE"],["rack","GROUP_BY","3"],["rack","GROUP_BY"],["rack","CLUSTER","1"],["rack","LIKE","r.*"],["rack","MAX_PER","2"]]}`, ""},
		"an unknown constraint":              {`{"id":"/a","cmd":"x","constraints":[["hostname","NEAR"]]}`, "/constraints(0): Constraint operator must be one of"},
		"a short constraint":                 {`{"id":"/a","cmd":"x","constraints":[["hostname"]]}`, "/constraints(0): Each constraint must have either 2 or 3 fields"},
		"a long constraint":                  {`{"id":"/a","cmd":"x","constraints":[["a","LIKE","b","c"]]}`, "/constraints(0): Each constraint must have either 2 or 3 fields"},
		"a constraint that lacks its value":  {`{"id":"/a","cmd":"x","constraints":[["a","LIKE"]]}`, "/constraints(0): A regular expression value must be provided"},
		"MAX_PER of a word":                  {`{"id":"/a","cmd":"x","constraints":[["a","MAX_PER","b"]]}`, "/constraints(0): Value was not specified or is not a number"},
		"GROUP_BY of a word":                 {`{"id":"/a","cmd":"x","constraints":[["a","GROUP_BY","b"]]}`, "/constraints(0): Value was specified but is not a number"},
		"UNIQUE with a value":                {`{"id":"/a","cmd":"x","constraints":[["a","UNIQUE","b"]]}`, "/constraints(0): Value specified but not used"},
		"a cluster of nothing":               {`{"id":"/a","cmd":"x","constraints":[["a","CLUSTER"]]}`, "/constraints(0): Missing value"},
		"a constraint as text":               {`{"id":"/a","cmd":"x","constraints":["hostname:UNIQUE"]}`, "/constraints(0): error.expected.jsarray"},
		"roles as text":                      {`{"id":"/a","cmd":"x","acceptedResourceRoles":"*"}`, "/acceptedResourceRoles: error.expected.jsarray"},
		"no roles":                           {`{"id":"/a","cmd":"x","acceptedResourceRoles":[]}`, "/acceptedResourceRoles: must not be empty"},
		"no CPU":                             {`{"id":"/a","cmd":"x","cpus":0}`, "/cpus: error.min"},
		"a thousandth of a CPU":              {`{"id":"/a","cmd":"x","cpus":0.001}`, ""},
		"no memory":                          {`{"id":"/a","cmd":"x","mem":0}`, ""},
		"a negative kill grace period":       {`{"id":"/a","cmd":"x","taskKillGracePeriodSeconds":-1}`, "/taskKillGracePeriodSeconds: error.min"},
		"a negative grace period":            {`{"id":"/a","cmd":"x","healthChecks":[{"gracePeriodSeconds":-1}]}`, "/healthChecks(0)/gracePeriodSeconds: error.min"},
		"a negative interval":                {`{"id":"/a","cmd":"x","healthChecks":[{"intervalSeconds":-1}]}`, "/healthChecks(0)/intervalSeconds: error.min"},
		"a negative delay":                   {`{"id":"/a","cmd":"x","maxLaunchDelaySeconds":-1}`, "/maxLaunchDelaySeconds: error.min"},
		"a backoff that shrinks":             {`{"id":"/a","cmd":"x","backoffFactor":0.5}`, "/backoffFactor: error.min"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Parse([]byte(tt.definition), Settings{})
			var invalid *Invalid
			switch {
			case tt.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.refused == "":
				normalisedTwice(t, a, Settings{})
			case !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.refused):
				t.Errorf("got %v, want an error with %q", err, tt.refused)
			}
		})
	}
}

// TestPodsAreTakenAsByMarathon is the same for pods.
func TestPodsAreTakenAsByMarathon(t *testing.T) {
	pod := func(container string) string {
		return `{"id":"/p","networks":[{"mode":"Host"}],"containers":[{"name":"c","resources":{"cpus":0.1,"mem":32},` + container + `}]}`
	}
	for name, tt := range map[string]struct{ definition, refused string }{
		"words in another case":     {pod(`"image":{"kind":"docker","id":"i"},"endpoints":[{"name":"e","hostPort":0,"protocol":["TCP"]}]`), ""},
		"another protocol":          {pod(`"endpoints":[{"name":"e","hostPort":0,"protocol":["http"]}]`), ""},
		"an endpoint with capitals": {pod(`"endpoints":[{"name":"Web","hostPort":0}]`), "/containers(0)/endpoints(0)/name: error.pattern"},
		"two endpoints of one name": {pod(`"endpoints":[{"name":"e","hostPort":0},{"name":"e","hostPort":0}]`), "/containers: endpoint names must be unique"},
		"a negative grace period":   {pod(`"healthCheck":{"exec":{"command":{"shell":"x"}},"gracePeriodSeconds":-1}`), "/containers(0)/healthCheck: error.min"},
		"no CPU":                    {`{"id":"/p","containers":[{"name":"c","resources":{"cpus":0,"mem":32}}]}`, "/containers(0)/resources: error.min"},
		"a member twice":            {`{"id":"/p","containers":[],"containers":[{"name":"c","resources":{"cpus":1,"mem":32}}]}`, ""},
		"a network with capitals":   {`{"id":"/p","networks":[{"mode":"container","name":"Net"}],"containers":[{"name":"c","resources":{"cpus":1,"mem":32}}]}`, "/networks(0)/name: error.pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ParsePod([]byte(tt.definition), Settings{})
			if (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("got %v, want %q", err, tt.refused)
			}
		})
	}
}

// TestLastOfEqualMembersCounts, as a whole: an object is not mixed with the one
// before it.
func TestLastOfEqualMembersCounts(t *testing.T) {
	a, err := Parse([]byte(`{"id":"/a","cmd":"x","env":{"A":"1","B":"2","A":"3"},"labels":{"a":"1"},"l\u0061bels":{"b":"1"}}`), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if string(a.Env["A"]) != `"3"` || len(a.Env) != 2 || len(a.Labels) != 1 || a.Labels["b"] != "1" {
		t.Errorf("env %s, labels %v", a.Env, a.Labels)
	}
}
