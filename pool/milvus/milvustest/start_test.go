// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// fakeTest is a test that Start fails.
type fakeTest struct {
	testing.TB
	failed string
	ends   []func()
}

func (f *fakeTest) Helper()           {}
func (f *fakeTest) Cleanup(fn func()) { f.ends = append(f.ends, fn) }
func (f *fakeTest) Fatalf(format string, args ...any) {
	f.failed = fmt.Sprintf(format, args...)
	panic(f)
}

func TestAServerOfATestEndsWithIt(t *testing.T) {
	f := &fakeTest{}
	srv := milvustest.Start(f)
	conn, err := net.Dial("tcp", srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for _, end := range f.ends {
		end()
	}
	if conn, err := net.Dial("tcp", srv.Addr()); err == nil {
		conn.Close()
		t.Error("the server listens after the end of its test")
	}
}

func TestStartFailsTheTestOfAServerThatCannotBe(t *testing.T) {
	for want, cfg := range map[string][]milvustest.Config{
		`Version "latest" is no version of Milvus: use one such as "v2.3.5" or "2.4"`: {{Version: "latest"}},
		"listen tcp":                 {{Address: "127.0.0.1:none"}},
		"Start got 2 configurations": {{}, {}},
	} {
		f := &fakeTest{}
		func() {
			defer func() { _ = recover() }()
			milvustest.Start(f, cfg...)
		}()
		if !strings.Contains(f.failed, want) {
			t.Errorf("the test failed with %q, want %q", f.failed, want)
		}
	}
}
