// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Device is a printer that has places for a few sessions. It is the factory of the pool:
// Dial and Close are required, Alive is one of the two methods that a factory may have.
type Device struct {
	Places int

	mu       sync.Mutex // guards all below
	open     int
	most     int // highest value of open
	restarts int
}

// Session is what the pool lends. Any type will do.
type Session struct {
	device  *Device
	restart int // number of restarts when it was opened
}

var errEnded = errors.New("the device has ended the session")

// Dial opens a session.
func (d *Device) Dial(context.Context) (*Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == d.Places {
		return nil, errors.New("the device has no place for another session")
	}
	d.open++
	d.most = max(d.most, d.open)
	return &Session{d, d.restarts}, nil
}

// Close ends a session.
func (d *Device) Close(context.Context, *Session) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	return nil
}

// Alive reports whether the session can be lent. It asks nobody.
func (d *Device) Alive(s *Session) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.restart == d.restarts
}

// Restart ends all sessions.
func (d *Device) Restart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restarts++
}

// Print prints a page, which takes a moment.
func (s *Session) Print(ctx context.Context, _ string) error {
	if !s.device.Alive(s) {
		return errEnded
	}
	select {
	case <-time.After(time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Most returns the most sessions that were open at once.
func (d *Device) Most() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most
}
