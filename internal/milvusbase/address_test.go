// SPDX-License-Identifier: Apache-2.0

package milvusbase_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

func TestAddressesThatNoServerCanHaveAreFaults(t *testing.T) {
	for _, row := range []struct{ name, address, want string }{
		{"none", "", "host:port"},
		{"no port", "host", "host:port"},
		{"no host", ":19530", "host:port"},
		{"a port that is no number", "host:milvus", "from 1 to 65535"},
		{"port 0", "host:0", "from 1 to 65535"},
		{"a port beyond 65535", "host:65536", "from 1 to 65535"},
		{"a path", "host:1/db", "from 1 to 65535"},
		{"a query", "ho?st:1", "host:port"},
		{"another scheme", "unix:///host:1", "has a scheme"},
		{"two schemes", "dns:///dns:///host:1", "has a scheme"},
		{"no host behind the scheme", "dns:///:1", "host:port"},
		{"no port behind the scheme", "dns:///host", "host:port"},
		{"a DNS server", "dns://8.8.8.8/host:1", "has a scheme"},
		{"credentials", "root:hunter2@host:1", "user information"},
		{"credentials in a URL", "https://root:hunter2@host:1", "user information"},
	} {
		for name, s := range map[string]milvusbase.Servers{
			"Address ":        {Address: row.address},
			"Addresses: one ": {Addresses: []string{"milvus.internal:19530", row.address}},
		} {
			faults := s.Faults()
			if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), name) || !strings.Contains(faults[0].Error(), row.want) {
				t.Errorf("%s: the faults are %q, want one that begins with %q and has %q", row.name, faults, name, row.want)
			}
			if shown := s.Attr().String(); strings.Contains(shown, "hunter2") || strings.Contains(faults.Err("milvus").Error(), "hunter2") {
				t.Errorf("%s: the password is in %s or in %q", row.name, shown, faults)
			}
		}
	}
	for _, s := range []milvusbase.Servers{
		{Address: "host:1"}, {Address: "[::1]:65535"}, {Address: "dns:///host:1"}, {Addresses: []string{"a:1", "dns:///b:1"}},
	} {
		if faults := s.Faults(); len(faults) > 0 {
			t.Errorf("%+v has the faults %q", s, faults)
		}
	}
	if faults := (milvusbase.Servers{Address: "a:1", Addresses: []string{"b:1"}}).Faults(); len(faults) != 1 || !strings.Contains(faults[0].Error(), "leave one out") {
		t.Errorf("both fields have the faults %q, want one", faults)
	}
}

func TestServersAreOneOrSeveral(t *testing.T) {
	for _, row := range []struct {
		of, one    milvusbase.Servers
		several    bool
		place, key string
		host       string
		port       int
	}{
		{milvusbase.Servers{Address: "a:1"}, milvusbase.Servers{Address: "a:1"}, false, "a:1", "a:1", "a", 1},
		{milvusbase.Servers{Address: "[::1]:1"}, milvusbase.Servers{Address: "[::1]:1"}, false, "[::1]:1", "[::1]:1", "::1", 1},
		{milvusbase.Servers{Address: "dns:///a:1"}, milvusbase.Servers{Address: "dns:///a:1"}, true, "a:1", "dns:///a:1", "a", 1},
		{milvusbase.Servers{Addresses: []string{"a:1"}}, milvusbase.Servers{Address: "a:1"}, true, "a:1", "a:1", "a", 1},
		{milvusbase.Servers{Addresses: []string{"dns:///a:1"}}, milvusbase.Servers{Addresses: []string{"dns:///a:1"}}, true, "a:1", "dns:///a:1", "a", 1},
		{milvusbase.Servers{Addresses: []string{"b:2", "a:1", "b:2"}}, milvusbase.Servers{Addresses: []string{"b:2", "a:1", "b:2"}}, true, "a:1,b:2,b:2", "a:1,b:2", "", 0},
	} {
		one, s := row.of.OneAddress(), row.of
		if one.Address != row.one.Address || !slices.Equal(one.Addresses, row.one.Addresses) {
			t.Errorf("OneAddress of %+v = %+v, want %+v", s, one, row.one)
		}
		if s.Several() != row.several || s.Place() != row.place || s.Key() != row.key {
			t.Errorf("%+v: Several = %t, Place = %q and Key = %q, want %t, %q and %q", s, s.Several(), s.Place(), s.Key(), row.several, row.place, row.key)
		}
		if host, port := s.HostPort(); host != row.host || port != row.port {
			t.Errorf("HostPort of %+v = %q, %d, want %q, %d", s, host, port, row.host, row.port)
		}
	}
	given := []string{"b:2", "a:1"}
	_, _ = milvusbase.Servers{Addresses: given}.Place(), milvusbase.Servers{Addresses: given}.Key()
	if !slices.Equal(given, []string{"b:2", "a:1"}) {
		t.Errorf("the addresses of the caller are %q now", given)
	}
}
