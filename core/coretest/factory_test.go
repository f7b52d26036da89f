// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/penstock-go/penstock/core/coretest"
)

func TestAFactoryDoesWhatItIsToldAndCounts(t *testing.T) {
	errDial, errPing, errClose := errors.New("dial"), errors.New("ping"), errors.New("close")
	var f coretest.Factory[int]
	if conn, err := f.Dial(t.Context()); conn != 0 || err != nil {
		t.Errorf("Dial = %v, %v, want 0, nil", conn, err)
	}
	if err := f.Ping(t.Context(), 0); err != nil {
		t.Errorf("Ping = %v", err)
	}
	if err := f.Close(t.Context(), 0); err != nil {
		t.Errorf("Close = %v", err)
	}
	f.OnDial = func(_ context.Context, n int) (int, error) { return n, errDial }
	f.OnPing = func(context.Context, int) error { return errPing }
	f.OnClose = func(context.Context, int) error { return errClose }
	if conn, err := f.Dial(t.Context()); conn != 2 || err != errDial {
		t.Errorf("Dial = %v, %v, want 2, %v", conn, err, errDial)
	}
	for range 2 {
		if err := f.Ping(t.Context(), 0); err != errPing {
			t.Errorf("Ping = %v, want %v", err, errPing)
		}
	}
	for range 3 {
		if err := f.Close(t.Context(), 0); err != errClose {
			t.Errorf("Close = %v, want %v", err, errClose)
		}
	}
	if f.Dials() != 2 || f.Pings() != 3 || f.Closes() != 4 {
		t.Errorf("%d dials, %d pings, %d closes, want 2, 3, 4", f.Dials(), f.Pings(), f.Closes())
	}
}
