// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
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
	cutWithin    = time.Second
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

// Close ends the streams, and refuses further actions. It waits for other requests until
// ctx ends, and no longer than 5 s, and then cuts them off. An action that runs is then
// told to end at once, for which it has a second within ctx: a drain closes its client
// without waiting for operations any longer. Of an Admin in a server of the program's own,
// Close ends the streams and waits for the actions. The Admin goes on watching its clients.
func (a *Admin) Close(ctx context.Context) error {
	a.stop()
	a.acting.close()
	within, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	err := a.shutdown(within)
	if !a.acting.wait(within) {
		a.acting.cutOff()
		last, cancel := context.WithTimeout(ctx, cutWithin)
		defer cancel()
		a.acting.wait(last)
		err = cmp.Or(err, errors.New("admin: an action was cut off"))
	}
	return err
}

// shutdown ends the server, if Listen made one.
func (a *Admin) shutdown(ctx context.Context) error {
	a.mu.Lock()
	server, ended := a.server, a.ended
	a.mu.Unlock()
	if server == nil {
		return nil
	}
	err := server.Shutdown(ctx)
	if err != nil {
		_ = server.Close()
		err = fmt.Errorf("admin: requests were cut off: %w", err)
	}
	<-ended
	return err
}
