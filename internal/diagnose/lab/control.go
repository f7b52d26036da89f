// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"sync"
	"time"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// control is a client beside the services that nothing breaks. When its server does not
// answer at once, then the machine had other work, and a service was not as healthy as
// its scenario says.
type control struct {
	server *milvustest.Server
	conns  interface {
		Do(ctx context.Context, fn func(context.Context, *milvus.Conn) error) error
		Close(ctx context.Context) error
	}

	mu   sync.Mutex
	slow map[int64]time.Duration // the slowest answer of each second of Unix time; guarded by mu
}

// controlPause is the time between two questions of the control.
const controlPause = 50 * time.Millisecond

func startControl() (*control, error) {
	server, err := milvustest.New(milvustest.Config{})
	if err != nil {
		return nil, err
	}
	conns, err := milvus.NewPool(milvus.Config{Address: server.Addr()})
	if err != nil {
		server.Close()
		return nil, err
	}
	return &control{server: server, conns: conns, slow: map[int64]time.Duration{}}, nil
}

// watch asks until ctx ends, and closes the control.
func (c *control) watch(ctx context.Context) {
	for sleep(ctx, controlPause) {
		began := time.Now()
		// However it ends, only its time counts.
		_ = c.conns.Do(ctx, func(ctx context.Context, conn *milvus.Conn) error {
			_, err := conn.GetVersion(ctx)
			return err
		})
		took := time.Since(began)
		c.mu.Lock()
		for second := began.Unix(); second <= began.Add(took).Unix(); second++ {
			c.slow[second] = max(c.slow[second], took)
		}
		c.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = c.conns.Close(ctx) // nothing is under way
	c.server.Close()
}

// slowest returns how long the slowest answer took between begin and end.
func (c *control) slowest(begin, end time.Time) (slowest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for second := begin.Unix(); second <= end.Unix(); second++ {
		slowest = max(slowest, c.slow[second])
	}
	return slowest
}
