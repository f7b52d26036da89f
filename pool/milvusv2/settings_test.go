// SPDX-License-Identifier: Apache-2.0

package milvusv2_test

import (
	"strings"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvusv2"
)

// watcher notes the clients that it is shown.
type watcher []string

func (w *watcher) Watch(name string) penstock.Watch {
	*w = append(*w, name)
	return penstock.Watch{}
}

func TestACheckOfSettingsShowsNoClientToWatchers(t *testing.T) {
	var seen watcher
	client := penstock.Config{Watchers: []penstock.Watcher{&seen}}
	if err := (milvusv2.Settings{Address: "milvus.internal:19530"}).Check(pool.Config{}, client); err != nil {
		t.Errorf("Check = %v", err)
	}
	if err := (milvusv2.Settings{Lanes: "read"}).Check(pool.Config{}, client); err == nil || !strings.Contains(err.Error(), "Lanes") {
		t.Errorf("Check = %v, want the fault of Lanes", err)
	}
	if len(seen) > 0 {
		t.Errorf("the watcher was shown %q, want no client", seen)
	}
}
