package haproxy

import (
	"testing"

	"toponym/state"
)

// The last example of Calico's page about Marathon.
func TestTheExampleOfCalico(t *testing.T) {
	golden(t, "calico.cfg", render(external(), testApp{name: "mytask", instances: 3, labels: map[string]string{
		"HAPROXY_GROUP": "external", "HAPROXY_0_VHOST": "mytask.acme.org",
	}}))
}

// All labels that have an effect, and some that have none.
func TestAllLabels(t *testing.T) {
	o := external()
	o.Certificates = "/etc/haproxy/certs"
	golden(t, "labels.cfg", render(o,
		testApp{name: "cart.shop", instances: 5, labels: map[string]string{
			"HAPROXY_GROUP":   "internal",
			"HAPROXY_0_GROUP": "other, external", "HAPROXY_0_VHOST": "Shop.acme.org,www.acme.org.", "HAPROXY_0_PATH": "-i /Cart /basket",
			"HAPROXY_0_BALANCE": "leastconn", "HAPROXY_0_STICKY": "true", "HAPROXY_0_REDIRECT_TO_HTTPS": "true", "HAPROXY_0_USE_HSTS": "true",
			"HAPROXY_0_BACKEND_WEIGHT": "5", "HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL": "10.1.40.0/24 10.1.55.43 fd00::/8",
			"HAPROXY_0_BACKEND_HTTP_HEALTHCHECK_OPTIONS":        "  option  httpchk GET /health\n  timeout check {healthCheckTimeoutSeconds}s\n  timeout check 5s\n  http-check expect status 200",
			"HAPROXY_0_BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS": "check inter 5s fall 4{healthCheckPortOptions}",
			"HAPROXY_0_PORT": "10001", "HAPROXY_0_SSL_CERT": "/etc/ssl/cert.pem", "HAPROXY_0_BIND_OPTIONS": "no-sslv3",
			"HAPROXY_DEPLOYMENT_GROUP": "blue",
		}},
		testApp{name: "shop", labels: map[string]string{
			"HAPROXY_GROUP": "external", "HAPROXY_0_VHOST": "shop.acme.org",
		}},
		testApp{name: "redis", labels: map[string]string{
			"HAPROXY_GROUP": "external", "HAPROXY_0_PORT": "10002", "HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL": "10.0.0.0/8", "HAPROXY_0_BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS": "check inter 2s rise 3",
		}},
		testApp{name: "twoports", instances: 2, labels: map[string]string{
			"HAPROXY_GROUP": "external", "HAPROXY_0_PORT": "10003", "HAPROXY_1_PORT": "10004", "HAPROXY_2_PORT": "10005", "HAPROXY_1_ENABLED": "false",
		}, ports: []state.DiscoveryPort{{Number: 7000, Protocol: "tcp"}, {Number: 7001, Protocol: "tcp"}}},
		testApp{name: "hidden", labels: map[string]string{
			"HAPROXY_GROUP": "internal", "HAPROXY_0_VHOST": "hidden.acme.org",
		}},
	))
}
