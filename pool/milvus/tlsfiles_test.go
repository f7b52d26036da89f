// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/milvusbase/milvusbasetest"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// startMutual starts a server that has the present identity, and takes clients with it.
func startMutual(t *testing.T, present *atomic.Pointer[milvusbasetest.Identity]) *milvustest.Server {
	t.Helper()
	return start(t, milvustest.Config{TLS: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return present.Load().Mutual(), nil
	}}})
}

func redial(t *testing.T, f *milvus.Factory) error {
	t.Helper()
	c, err := f.Dial(t.Context())
	if err != nil {
		return err
	}
	if err := ping(t, c); err != nil {
		t.Error(err)
	}
	return f.Close(t.Context(), c)
}

func TestReplacedTLSFilesHoldFromTheNextConnectionOn(t *testing.T) {
	before, after := milvusbasetest.NewIdentity(t), milvusbasetest.NewIdentity(t)
	var present atomic.Pointer[milvusbasetest.Identity]
	present.Store(&before)
	srv := startMutual(t, &present)
	var logs bytes.Buffer
	files := milvusbasetest.TLSFiles(t, &logs)
	before.Write(t, files)
	f := newFactory(t, milvus.Config{Address: srv.Addr(), TLSFiles: files})
	c := dial(t, f)

	present.Store(&after)
	if err := redial(t, f); !errors.Is(err, milvus.ErrTLS) {
		t.Errorf("Dial with the old files = %v, want ErrTLS", err)
	}
	after.Write(t, files)
	if err := redial(t, f); err != nil {
		t.Errorf("Dial with the new files = %v", err)
	}
	if err := ping(t, c); err != nil {
		t.Errorf("Ping on the connection from before = %v", err)
	}
	if logs.Len() > 0 {
		t.Errorf("the log has %s", &logs)
	}
}

func TestTheLoggerOfTheClientIsToldOfABadTLSFile(t *testing.T) {
	i := milvusbasetest.NewIdentity(t)
	var present atomic.Pointer[milvusbasetest.Identity]
	present.Store(&i)
	srv := startMutual(t, &present)
	files := milvusbasetest.TLSFiles(t, nil)
	i.Write(t, files)
	files.Logger = nil
	var logs bytes.Buffer
	client, err := milvus.Open(t.Context(), milvus.Config{Address: srv.Addr(), TLSFiles: files},
		penstock.Config{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	milvusbasetest.WriteFile(t, files.Key, []byte("garbage"))
	client.Pool().Reset("new files") // so that the next operation dials
	_, err = core.Do(t.Context(), client, milvus.ListCollections(), func(ctx context.Context, c *milvus.Conn) (any, error) {
		return nil, ping(t, c)
	})
	if err != nil {
		t.Errorf("Do = %v", err)
	}
	if err := client.Close(t.Context()); err != nil { // no dial is under way then
		t.Error(err)
	}
	if n := strings.Count(logs.String(), files.Key); n != 1 {
		t.Errorf("the log of the client names the file %d times, want once: %s", n, &logs)
	}
}

func TestTLSFilesThatAreOfNoUseAreFaultsOfTheConfiguration(t *testing.T) {
	_, err := milvus.NewFactory(milvus.Config{TLSFiles: milvus.TLSFiles{CA: "nowhere.pem"}})
	if err == nil || !strings.Contains(err.Error(), "TLSFiles.CA") {
		t.Errorf("NewFactory = %v, want the fault of TLSFiles.CA", err)
	}
}

func TestEachTLSFileThatCannotBeReadIsAFaultOfItsOwn(t *testing.T) {
	_, err := milvus.NewFactory(milvus.Config{TLSFiles: milvus.TLSFiles{Cert: "/nowhere/cert", Key: "/nowhere/key"}})
	if err == nil || strings.Count(err.Error(), "bad configuration") != 2 || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("NewFactory = %v, want two lines, each with the package and the remedy", err)
	}
}
