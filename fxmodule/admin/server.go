// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of the server. A stream and an action set their own limits for writing.
const (
	headerWithin = 5 * time.Second
	readWithin   = 10 * time.Second
	answerWithin = 30 * time.Second
	idleWithin   = time.Minute
	longestHead  = 16 << 10
	stopWithin   = 5 * time.Second
)

// Listen listens on Config.Address, and serves until [Admin.Close]. It returns once the
// address is open, and logs the address.
func (a *Admin) Listen(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil {
		return fmt.Errorf("admin: Listen was called before: make another Admin with New")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.Address)
	if err != nil {
		return fmt.Errorf("admin: cannot listen on %s: set Config.Address to a free port, or to port 0: %w", a.cfg.Address, err)
	}
	a.listener, a.ended = l, make(chan struct{})
	a.server = a.newServer()
	a.cfg.Logger.InfoContext(ctx, "penstock: admin page", slog.String("url", "http://"+l.Addr().String()+"/"))
	go func() {
		defer close(a.ended)
		if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.cfg.Logger.ErrorContext(a.open, "penstock: admin page ended", slog.Any("error", err))
		}
	}()
	return nil
}

func (a *Admin) newServer() *http.Server {
	return &http.Server{
		Handler: a, BaseContext: func(net.Listener) context.Context { return a.open },
		ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: answerWithin, IdleTimeout: idleWithin, MaxHeaderBytes: longestHead,
		ErrorLog: slog.NewLogLogger(a.cfg.Logger.Handler(), slog.LevelWarn),
	}
}

// Addr returns the address on which the Admin listens, nil if it does not.
func (a *Admin) Addr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listener == nil {
		return nil
	}
	return a.listener.Addr()
}

// Close ends the streams, waits for other requests until ctx ends, and no longer than 5 s,
// and then cuts them off. Of an Admin in a server of the program's own it ends the streams
// alone. The Admin goes on watching its clients.
func (a *Admin) Close(ctx context.Context) error {
	a.stop()
	a.mu.Lock()
	server, ended := a.server, a.ended
	a.mu.Unlock()
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
		<-ended
		return fmt.Errorf("admin: requests were cut off: %w", err)
	}
	<-ended
	return nil
}
