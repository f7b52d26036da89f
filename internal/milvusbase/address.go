// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/penstock-go/penstock/internal/fault"
)

// Servers are the addresses of a configuration: Address, or Addresses in place of it.
type Servers struct {
	Address   string
	Addresses []string
}

// All returns the addresses, one at least.
func (s Servers) All() []string {
	if len(s.Addresses) > 0 {
		return s.Addresses
	}
	return []string{s.Address}
}

// Several reports whether there are several endpoints, or one that is looked up again.
func (s Servers) Several() bool {
	return len(s.Addresses) > 0 || strings.HasPrefix(s.Address, DNSScheme)
}

// OneAddress makes an only address that needs no lookup the Address: one pool is enough
// for it.
func (s Servers) OneAddress() Servers {
	if len(s.Addresses) == 1 && s.Address == "" && !strings.HasPrefix(s.Addresses[0], DNSScheme) {
		return Servers{Address: s.Addresses[0]}
	}
	return s
}

// Place returns how telemetry calls the server or the servers: the addresses without
// their schemes.
func (s Servers) Place() string {
	all := slices.Clone(s.All())
	for i, a := range all {
		all[i] = shown(strings.TrimPrefix(a, DNSScheme))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// Key returns the set of addresses, for the key of a shared pool.
func (s Servers) Key() string {
	all := slices.Clone(s.All())
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

// HostPort returns the host and the port of the server, zero if there are several.
func (s Servers) HostPort() (host string, port int) {
	if all := s.All(); len(all) == 1 {
		return HostPort(all[0])
	}
	return "", 0
}

// HostPort returns the host and the port of an address, zero if the address has not both.
func HostPort(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(strings.TrimPrefix(address, DNSScheme))
	if err != nil {
		return "", 0
	}
	if port, err = strconv.Atoi(text); err != nil {
		return "", 0
	}
	return host, port
}

// Attr describes the addresses for a log.
func (s Servers) Attr() slog.Attr {
	all := slices.Clone(s.All())
	for i, a := range all {
		all[i] = shown(a)
	}
	if len(s.Addresses) > 0 {
		return slog.Any("Addresses", all)
	}
	return slog.String("Address", all[0])
}

// Faults returns what is wrong with the addresses.
func (s Servers) Faults() fault.List {
	var faults fault.List
	switch problem := addressProblem(s.Address); {
	case len(s.Addresses) > 0 && s.Address != "":
		faults.Add("Address and Addresses are both set: leave one out")
	case len(s.Addresses) == 0 && problem != "":
		faults.Add("Address %s", problem)
	}
	for _, a := range s.Addresses {
		if problem := addressProblem(a); problem != "" {
			faults.Add("Addresses: one %s", problem)
		}
	}
	return faults
}

// mayHoldSecret reports whether an address may have credentials in it: it has user
// information or a query. Such an address is not valid, and nothing repeats it.
func mayHoldSecret(address string) bool { return strings.ContainsAny(address, "@?") }

// shown returns an address for people to read.
func shown(address string) string {
	if mayHoldSecret(address) {
		return Redacted
	}
	return address
}

// addressProblem returns what is wrong with an address, "" if nothing is. It does
// not repeat an address that may have credentials in it.
func addressProblem(address string) string {
	rest := strings.TrimPrefix(address, DNSScheme)
	switch {
	case strings.Contains(address, "@"):
		return "has user information in it: use Username and Password"
	case mayHoldSecret(address):
		return "has a query in it: give host:port, and use APIKey for a token"
	case strings.Contains(rest, "://"):
		return fmt.Sprintf("%q has a scheme: give host:port or dns:///host:port, and TLS for encryption", address)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil || host == "" || strings.ContainsAny(host, "/#% ") {
		return fmt.Sprintf("%q is not host:port: give both, such as localhost:19530", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("%q has no port from 1 to 65535: give one, such as localhost:19530", address)
	}
	if !dialable(rest) {
		return fmt.Sprintf("%q has characters that no host has: give host:port, such as localhost:19530", address)
	}
	return ""
}

// dialable reports whether the SDKs accept an address: they read it as a URL.
func dialable(hostPort string) bool {
	u, err := url.Parse("tcp://" + hostPort)
	return err == nil && u.Host == hostPort && utf8.ValidString(hostPort)
}
