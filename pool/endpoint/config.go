// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/pool"
)

// SchemeDNS begins an address whose host is looked up, again and again.
const SchemeDNS = "dns:///"

// Address is one address of the backend.
type Address struct {
	// HostPort is what to dial, as host:port.
	HostPort string
	// Host is the host that was configured: the name that a certificate of the server is
	// for. It differs from the host in HostPort if DNS gave that one.
	Host string
}

// Config says which endpoints a [Balancer] has and how it chooses among them. Addresses
// and Factory are required.
type Config[C any] struct {
	// Addresses are the addresses of the backend: host:port, or dns:///host:port for one
	// endpoint at each address that DNS has for the host.
	Addresses []string
	// Factory returns the factory of the connections to one address. It is called once
	// for each address that the Balancer begins to use, and must not block.
	Factory func(Address) (pool.Factory[C], error)
	// Pool configures the pool of each endpoint: its bounds hold for each endpoint, not
	// for all together. All pools have the same name.
	Pool pool.Config
	// Detection says when an endpoint is ejected and let back in.
	Detection Detection
	// LookupHost returns the addresses of a host. Nil means the resolver of package net.
	// It must end with its context, which lasts for Pool.DialTimeout: there is one lookup
	// of a host at a time. It is called for several hosts at the same time.
	LookupHost func(ctx context.Context, host string) ([]string, error)
	// OnChange is told when an endpoint is ejected, let back in, found or gone. It is
	// called on the goroutine of a caller and must not block. Nil disables it.
	OnChange func(context.Context, Change)
}

// Detection says when an endpoint is ejected, and for how long. The zero value has the
// defaults.
type Detection struct {
	// Disabled switches ejection off. The choice by load remains.
	Disabled bool
	// ConsecutiveFailures ejects an endpoint after so many failed calls in a row.
	// Default 5.
	ConsecutiveFailures int
	// FailureRate ejects an endpoint of which that share of the calls in an Interval
	// failed, if there were 20 at least. Default 0.5.
	FailureRate float64
	// SlowFactor ejects an endpoint three quarters of whose calls took longer than
	// SlowFactor times what three quarters of the calls to the other endpoints stay below
	// (the median of the others), twice: in two times that follow each other, each as
	// short as ten calls of both allow, both within an Interval. Of fewer than 32 calls it
	// is seven eighths. Default 4.
	//
	// An endpoint also is ejected when three calls on it hang: none has succeeded there
	// for that long, and for a second; or when two calls hang twice as long. Calls from
	// before it was last let in do not count. In the choice by load an endpoint counts as
	// no more than SlowFactor times slower than another one.
	SlowFactor float64
	// Interval is how far back FailureRate and SlowFactor look. Default 10 s.
	Interval time.Duration
	// BaseEjection is for how long an endpoint is ejected for the first time, a fifth
	// more or less. The time doubles with each ping that fails, and with each ejection
	// that follows soon, except of an endpoint that could not be reached; up to
	// MaxEjection. Defaults 1 s and 30 s.
	BaseEjection, MaxEjection time.Duration
	// ResolveEvery is how often a host of a dns:/// address is looked up again. It is
	// looked up after a failed dial too, and never twice within a second. Default 30 s.
	ResolveEvery time.Duration
}

// Effective returns the settings in force: d with every default filled in. The error
// names all values that are wrong.
func (d Detection) Effective() (Detection, error) {
	d, faults := d.complete()
	if err := faults.Err("endpoint"); err != nil {
		return Detection{}, err
	}
	return d, nil
}

func (d Detection) complete() (Detection, fault.List) {
	var faults fault.List
	fault.Default(&faults, "ConsecutiveFailures", &d.ConsecutiveFailures, 5)
	fault.Default(&faults, "Interval", &d.Interval, 10*time.Second)
	fault.Default(&faults, "ResolveEvery", &d.ResolveEvery, 30*time.Second)
	given := d
	fault.Default(&faults, "BaseEjection", &d.BaseEjection, time.Second)
	fault.Default(&faults, "MaxEjection", &d.MaxEjection, max(30*time.Second, d.BaseEjection))
	if given.MaxEjection > 0 && d.BaseEjection > d.MaxEjection {
		faults.Add("BaseEjection %v exceeds MaxEjection %v: set a smaller BaseEjection, or a greater MaxEjection", d.BaseEjection, d.MaxEjection)
	}
	switch {
	case !(d.FailureRate >= 0 && d.FailureRate <= 1):
		faults.Add("FailureRate is %v, want 0 (the default, 0.5) to 1", d.FailureRate)
	case d.FailureRate == 0:
		d.FailureRate = 0.5
	}
	switch {
	case !(d.SlowFactor == 0 || d.SlowFactor > 1):
		faults.Add("SlowFactor is %v, want 0 (the default, 4) or more than 1", d.SlowFactor)
	case d.SlowFactor == 0:
		d.SlowFactor = 4
	}
	return d, faults
}

// complete returns cfg with its defaults filled in, and its faults.
func (cfg Config[C]) complete() (Config[C], fault.List) {
	var faults fault.List
	if len(cfg.Addresses) == 0 {
		faults.Add("Addresses is empty: give one address at least")
	}
	for _, address := range cfg.Addresses {
		if _, err := split(address); err != nil {
			if strings.Contains(address, "@") {
				address = "an address with user information" // which may be a password
			} else {
				address = strconv.Quote(address)
			}
			faults.Add("Addresses has %s, want host:port or %shost:port", address, SchemeDNS)
		}
	}
	if cfg.Factory == nil {
		faults.Add("Factory is nil: set it to a function that returns the factory of one address")
	}
	detection, more := cfg.Detection.complete()
	faults = append(faults, more...)
	cfg.Detection = detection
	if cfg.LookupHost == nil {
		cfg.LookupHost = net.DefaultResolver.LookupHost
	}
	return cfg, faults
}

// target is a configured address.
type target struct {
	dns        bool
	host, port string
}

func split(address string) (target, error) {
	rest, dns := strings.CutPrefix(address, SchemeDNS)
	host, port, err := net.SplitHostPort(rest)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err == nil && host == "" {
		err = net.InvalidAddrError("no host")
	}
	return target{dns, host, port}, err
}
