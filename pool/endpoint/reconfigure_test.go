// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

func TestReconfigureHoldsForEveryEndpointAndThoseToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		var dns names
		dns.set(nil, "10.0.0.1", "10.0.0.2")
		lb := b.open(t, endpoint.Config[*conn]{
			Addresses: []string{"dns:///milvus.internal:7"}, LookupHost: dns.lookUp, Pool: pool.Config{MaxSize: 2},
			Detection: endpoint.Detection{ResolveEvery: time.Minute},
		})
		if err := lb.Accepts(pool.Config{Mode: pool.Shared, Name: "other"}); err == nil {
			t.Error("Accepts takes another name before there is an endpoint")
		}
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := lb.Reconfigure(pool.Config{Mode: pool.Shared, MaxSize: 5}); err != nil {
			t.Fatal(err)
		}
		if s := lb.Stats(); s.Max != 10 {
			t.Errorf("Max is %d, want five for each of two endpoints", s.Max)
		}
		dns.set(nil, "10.0.0.1", "10.0.0.2", "10.0.0.3")
		time.Sleep(2 * time.Minute)
		if s := lb.Stats(); s.Max != 15 {
			t.Errorf("Max is %d, want five for the endpoint that was found later, too", s.Max)
		}
		err := lb.Reconfigure(pool.Config{Mode: pool.Exclusive, MaxSize: 3})
		if err == nil || !strings.Contains(err.Error(), "Mode") {
			t.Errorf("Reconfigure = %v, want Mode named", err)
		}
		if s := lb.Stats(); s.Max != 15 {
			t.Errorf("Max is %d after a change that was refused", s.Max)
		}
	})
}
