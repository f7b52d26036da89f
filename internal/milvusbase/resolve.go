// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/resolver"
	_ "google.golang.org/grpc/resolver/dns" // registers what resolver.Get("dns") returns

	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// DNSScheme is the start of an address whose host gRPC resolves.
const DNSScheme = "dns:///"

// resolving resolves the host of each address, in place of gRPC's resolver of that
// scheme, which leaves the host to the dialer. The SDK cannot pass another scheme on to
// gRPC.
type resolving struct {
	giveUp context.CancelCauseFunc // has no effect after the dial
}

func (r *resolving) Scheme() string { return "passthrough" }

func (r *resolving) Build(target resolver.Target, cc resolver.ClientConn, opts resolver.BuildOptions) (resolver.Resolver, error) {
	dns := resolver.Get("dns")
	if dns == nil {
		return nil, errors.New("milvus: gRPC has no resolver for dns")
	}
	target.URL.Scheme = "dns"
	opts.DisableServiceConfig = true // or each lookup asks for a TXT record too
	return dns.Build(target, &resolvingConn{cc, r, target.Endpoint()}, opts)
}

// resolvingConn ends the dial when the host cannot be resolved. gRPC would wait until
// the context ends, and lose the cause.
type resolvingConn struct {
	resolver.ClientConn
	r      *resolving
	target string
}

// UpdateState is called without an address if DNS knows no such host.
func (c *resolvingConn) UpdateState(s resolver.State) error {
	if len(s.Addresses) == 0 && len(s.Endpoints) == 0 {
		c.r.giveUp(milvuserr.Final(fmt.Errorf("DNS has no address for %s", c.target)))
	}
	return c.ClientConn.UpdateState(s)
}

func (c *resolvingConn) ReportError(err error) {
	c.r.giveUp(milvuserr.Final(err))
	c.ClientConn.ReportError(err)
}
