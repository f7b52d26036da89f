// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// undecodableAnswer: a release of one caller decodes the rows within the operation, and
// fails for most of them. The server answers as ever, and the other callers have no
// errors. A user says "we cannot read our own data".
func undecodableAnswer(s *Service) func(context.Context) {
	share := 0.5 + 0.2*s.Random.Float64()
	err := errors.New("decode row: price: cannot convert string to float64")
	decode := func(random *rand.Rand, work Work) Work {
		fails := random.Float64() < share
		return func(ctx context.Context, conn *milvus.Conn) error {
			if workErr := work(ctx, conn); workErr != nil || !fails {
				return workErr
			}
			return err
		}
	}
	return func(context.Context) {
		s.Routes[1].Change(func(m *Manners) { m.Around = decode })
	}
}

// errNoToken is the error of a stage of the application.
var errNoToken = core.Sentinel("no token: the identity provider did not answer in time", "token_unavailable", core.ErrRejected)

// slowTokenStage: a stage of the application gets a token before each operation, which
// it has cached so far. The cache is gone, and the identity provider is slow. Some
// operations are refused, because the stage waits no longer than 400 ms. The server is as
// fast as ever. A user says "login is slow".
func slowTokenStage(s *Service) func(context.Context) {
	const name, most = "token", 400 * time.Millisecond
	s.Load.Set(40, 1)
	var (
		slow   atomic.Bool
		mu     sync.Mutex // guards random
		random = rand.New(rand.NewPCG(s.Random.Uint64(), 0))
	)
	answers := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(100+random.ExpFloat64()*150) * time.Millisecond
	}
	stage := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if !slow.Load() {
				return next(ctx, call)
			}
			answer, began := answers(), time.Now()
			sleep(ctx, min(answer, most))
			err := context.Cause(ctx)
			if err == nil && answer > most {
				err = errNoToken
			}
			call.Event(core.Event{Kind: core.EventWait, Name: name, Delay: time.Since(began), Err: err})
			if err != nil {
				call.Event(core.Event{Kind: core.EventReject, Name: name, Err: err})
				return err
			}
			if err := call.AfterWait(); err != nil {
				return err
			}
			return next(ctx, call)
		}
	}
	s.Client.Chain.Stages = append(s.Client.Chain.Stages, middleware.Stage{Name: name, Middleware: stage, After: breaker.Name})
	return func(context.Context) { slow.Store(true) }
}

// distrustfulCheck: the factory of the application is far from the server, so a dial
// takes a while, and says that a connection is not alive when it is too old. By a change
// of its settings that is 10 ms instead of 10 minutes. The pool closes good connections,
// and most operations wait for a dial. A user says "every request connects anew".
func distrustfulCheck(s *Service) func(context.Context) {
	s.Load.Set(60, 1) // one in a hundred is enough to see it
	far := time.Duration(110+s.Random.IntN(50)) * time.Millisecond
	s.Client.Chain.Timeout.Attempt = 1500 * time.Millisecond // as far away as it is
	var oldest atomic.Int64                                  // a time.Duration
	oldest.Store(int64(10 * time.Minute))
	s.Backend = func(b *penstock.Backend[*milvus.Conn]) {
		b.Factory = &aging{Factory: b.Factory.(*milvus.Factory), far: far, oldest: &oldest}
		b.Pool = pool.Config{Name: b.Pool.Name, Mode: pool.Exclusive, MaxSize: 24, MaxConcurrentDials: 24}
		b.Pool.MinSize = 3 // hardly an operation waits for a dial while the service is well
	}
	return func(context.Context) { oldest.Store(int64(10 * time.Millisecond)) }
}

// aging is a factory whose connections are dead when they are too old.
type aging struct {
	*milvus.Factory
	far    time.Duration
	oldest *atomic.Int64
	born   sync.Map // time.Time by *milvus.Conn
}

func (f *aging) Dial(ctx context.Context) (*milvus.Conn, error) {
	if !sleep(ctx, f.far) {
		return nil, context.Cause(ctx)
	}
	conn, err := f.Factory.Dial(ctx)
	if err == nil {
		f.born.Store(conn, time.Now())
	}
	return conn, err
}

func (f *aging) Alive(conn *milvus.Conn) bool {
	born, ok := f.born.Load(conn)
	return ok && time.Since(born.(time.Time)) < time.Duration(f.oldest.Load()) && f.Factory.Alive(conn)
}

func (f *aging) Close(ctx context.Context, conn *milvus.Conn) error {
	f.born.Delete(conn)
	return f.Factory.Close(ctx, conn)
}

// expiredCertificate: the server is replaced as planned, and the new one has a
// certificate that has expired. No connection can be made any more. A user says "x509:
// certificate has expired".
func expiredCertificate(s *Service) func(context.Context) {
	trust := x509.NewCertPool()
	good, expired := certificate(trust, time.Hour), certificate(trust, -time.Hour)
	var served atomic.Pointer[tls.Certificate]
	served.Store(good)
	s.Server.TLS = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return served.Load(), nil },
		MinVersion:     tls.VersionTLS12,
	}
	s.Milvus.TLS = &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}
	return func(context.Context) {
		served.Store(expired)
		s.backend.GoAway()
	}
}

// certificate returns a certificate of this machine that is valid until so long from
// now, and adds it to trust.
func certificate(trust *x509.CertPool, valid time.Duration) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		panic(err) // there are no random numbers
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(valid),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(fmt.Sprintf("of a constant template: %v", err))
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(fmt.Sprintf("just made: %v", err))
	}
	trust.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// queueFull: the message queue behind the server takes no more, so every insert fails.
// Searches and queries go on. A user says "we cannot write".
func queueFull(s *Service) func(context.Context) {
	const messageQueue milvustest.Code = 1302 // merr.ErrMqInternal of Milvus
	s.Routes[3].Weight = 2                    // the breaker stays closed
	return func(context.Context) {
		s.Inject(milvustest.Fault{
			Method: "Insert", Delay: 3 * time.Millisecond,
			Status: milvustest.NewStatus(messageQueue, "message queue internal error: producer blocked: topic by-dev-rootcoord-dml_3 exceeds the backlog quota"),
		})
	}
}
