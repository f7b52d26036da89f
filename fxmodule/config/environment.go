// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

const prefix = "PENSTOCK_"

// notOurs are variables of Penstock's own tests. They have the prefix, and Load
// ignores them.
var notOurs = []string{"PENSTOCK_CACHE", "PENSTOCK_REQUIRE_REAL"}

var (
	serviceHost = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	servicePort = regexp.MustCompile(`_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)
	serviceURL  = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// fromKubernetes reports whether Kubernetes sets the variable in every container, for a
// Service whose name is penstock or begins with penstock-. A setting may have the name of
// such a variable: a port of a Service is told apart by its value, and the other names are
// the setting's.
func fromKubernetes(name, value string, setting bool) bool {
	m := servicePort.FindStringSubmatch(name)
	if m != nil && serviceURL.MatchString(value) {
		return true
	}
	return !setting && (m != nil && m[3] != "" || serviceHost.MatchString(name))
}

// variable returns the part of a variable's name that stands for a key or a client.
func variable(key string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// readEnvironment reads the variables. clients are the names that a variable may have.
func (l *loader) readEnvironment(clients []string) {
	type owner struct{ client, key string }
	variables := map[string]owner{}
	for _, client := range append([]string{shared}, clients...) {
		l.env[client] = map[string]value{}
		for _, s := range l.settings {
			variables[variable(l.full(client, s.Key))] = owner{client, s.Key}
		}
	}
	environ := os.Environ()
	slices.Sort(environ)
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		of, known := variables[strings.TrimPrefix(name, prefix)]
		switch {
		case !strings.HasPrefix(name, prefix) || slices.Contains(notOurs, name) || fromKubernetes(name, text, known):
		case !known:
			l.faults.add("unknown variable %s: %s", name, meant(prefix, strings.TrimPrefix(name, prefix), sorted(variables)))
		case text != "":
			l.set(l.env[of.client], of.key, scalar(l.known[of.key], text), place{name: name})
		}
	}
}
