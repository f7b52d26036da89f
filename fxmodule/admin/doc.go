// SPDX-License-Identifier: Apache-2.0

// Package admin shows the clients of a process to its operators, and lets them act: as a
// live page, as JSON, and as answers for probes. It is off unless a program adds it.
//
//	page, err := admin.New(admin.Config{Address: "127.0.0.1:6464"})
//	...
//	err = page.Listen(ctx)
//	...
//	defer page.Close(context.Background())
//	client, err := penstock.Open(ctx, backend, penstock.Config{Watchers: []penstock.Watcher{page}})
//
// In an fx application [Module] does the same for every client:
//
//	fx.New(fxmodule.Client[*Conn](), admin.Module(admin.Config{Address: "127.0.0.1:6464"}), ...)
//
// An [Admin] is an http.Handler, too, for a server of the program's own. Such a server ends
// the streams of open pages when it stops, by a call of [Admin.Close]:
//
//	server.RegisterOnShutdown(func() { _ = page.Close(context.Background()) })
//
// A collector counts the operations of each client, and keeps the latest that failed, were
// refused, recovered or were slow, for 15 minutes at most and in a memory of fixed size. It
// needs no telemetry, and leaves telemetry as it is. While nobody looks, nothing runs.
//
// Nothing that is served holds a secret of a configuration. Texts of errors of the backend
// are shown to who may look.
package admin
