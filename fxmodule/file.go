// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/pool"
)

// FromFile configures the clients of the application from a YAML file and the environment,
// as package config reads them. What the file sets replaces what the code sets: the
// Backend, [Config] and [Order]. A stage that [Without] leaves out stays out. An empty name
// means the environment alone. An application has one.
//
// The application is given the *config.File, for the sections of its own backends, see
// [FileSection]. While the application runs, the file is watched, and a change of it is
// applied to all clients by their Reconfigure, or to none: a file with a fault, a client
// that refuses its settings, and a setting of a backend that needs a restart leave
// everything as it was, and are logged. A secret that rotates in a file of its own is logged,
// and refuses nothing. The application is also given a *config.Watcher, whose Reload reads the
// file at once; it is nil without a file.
func FromFile(name string) fx.Option {
	return fx.Module("penstock.file",
		fx.Supply(leaveOutTheSecondFromFile{}),
		fx.Provide(
			func(in fileIn) *fromFile { return newFromFile(name, in) },
			func(f *fromFile) (*config.File, error) { return f.file, f.err },
			func(f *fromFile) (*config.Watcher, error) { return f.watcher, f.err },
		),
		// fx would wrap the error of a constructor in its frames.
		fx.Invoke(func(f *fromFile) error { return f.err }),
	)
}

// leaveOutTheSecondFromFile is provided by each FromFile, so that the error of fx for two of
// them says what to do.
type leaveOutTheSecondFromFile struct{}

// FileSection lets [FromFile] read the section of a backend into a struct of the type of
// of, see config.Options. The constructor of the backend takes the *config.File, and calls
// config.Section. Packages milvusfx and milvusv2fx do both for Milvus.
func FileSection(name string, of any) fx.Option {
	return fx.Supply(fx.Annotate(section{name, of}, fx.ResultTags(`group:"penstock.sections"`)))
}

type section struct {
	name string
	of   any
}

type fileIn struct {
	fx.In
	Lifecycle fx.Lifecycle
	Logger    *slog.Logger `optional:"true"`
	Members   []*member    `group:"penstock.clients"`
	Sections  []section    `group:"penstock.sections"`
}

// fromFile is the file of an application, and the clients that it configures.
type fromFile struct {
	file    *config.File // at the start
	watcher *config.Watcher
	logger  *slog.Logger
	err     error

	mu      sync.Mutex
	current *config.File  // in force; guarded by mu
	by      string        // who put it in force; guarded by mu
	faulty  bool          // the last file was not applied; guarded by mu
	clients []*configured // guarded by mu
}

// configured is a client of the application that the file configures.
type configured struct {
	name     string
	client   changing                                    // set when it joins
	settings func(*config.File) (penstock.Change, error) // of the client, by a file
	from     *config.File                                // with which the client is made
	first    penstock.Change                             // its settings by that file
}

// changing is a *penstock.Client of any type of connection.
type changing interface {
	Reconfigure(context.Context, penstock.Change) error
	CountRefusedChange(by string, err error)
	Closed() bool
}

// change gives the client the settings of a file.
func (c *configured) change(ctx context.Context, file *config.File, by string) error {
	change, err := c.settings(file)
	if err != nil {
		return err
	}
	change.By = by
	return c.client.Reconfigure(ctx, change)
}

func newFromFile(name string, in fileIn) *fromFile {
	f := &fromFile{logger: logger(in.Logger)}
	o := config.Options{Sections: map[string]any{}}
	for _, m := range in.Members {
		if !slices.Contains(o.Clients, m.name) {
			o.Clients = append(o.Clients, m.name)
		}
	}
	slices.Sort(o.Clients) // fx shuffles groups
	for _, s := range in.Sections {
		if old, twice := o.Sections[s.name]; twice && reflect.TypeOf(old) != reflect.TypeOf(s.of) {
			f.err = &wiringError{fmt.Errorf("fxmodule: FileSection(%q) is there for two types: give one of them another name", s.name)}
			return f
		}
		o.Sections[s.name] = s.of
	}
	if f.file, f.err = config.Load(name, o); f.err != nil {
		f.err = &wiringError{f.err}
		return f
	}
	f.current = f.file
	if name == "" {
		return f
	}
	if f.watcher, f.err = config.Watch(f.file, config.Watching{Apply: f.apply, Failed: f.failed}); f.err == nil {
		in.Lifecycle.Append(fx.StartStopHook(f.watcher.Start, f.watcher.Close))
	}
	return f
}

// configure returns the client with that name, which is not made yet, with its settings by the
// file in force. What the code sets is in p and cfg; finish completes the settings of a file.
func (f *fromFile) configure(name string, p pool.Config, cfg penstock.Config, finish func(*penstock.Config) error) (*configured, error) {
	c := &configured{name: name}
	c.settings = func(file *config.File) (penstock.Change, error) {
		change := penstock.Change{Pool: p, Config: cfg}
		client, err := file.Client(name)
		if err != nil {
			return change, err
		}
		client.Apply(&change.Pool, &change.Config)
		change.Explain = client.Explain
		return change, finish(&change.Config)
	}
	f.mu.Lock()
	c.from = f.current
	f.mu.Unlock()
	var err error
	c.first, err = c.settings(c.from)
	return c, err
}

// join adds a client that was made. It has the settings of each later file from now on, and of
// the file in force if a reload changed the file while the client was made.
func (f *fromFile) join(c *configured, client changing) error {
	c.client = client
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != c.from {
		if err := c.change(context.Background(), f.current, f.by); err != nil {
			return err
		}
	}
	f.clients = append(f.clients, c)
	return nil
}

// apply gives all clients the settings of a file, or none. A client that was closed (nothing
// asked for it, somebody drained it, or the application stops) does not keep the others from
// theirs.
func (f *fromFile) apply(ctx context.Context, file *config.File, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	differs := map[string]bool{}
	var restart []string
	for _, c := range file.Changes(f.current) {
		switch {
		case c.Section && c.Rotated: // the file says what it said, see rotated
		case c.Section:
			restart = append(restart, c.String())
		default:
			differs[c.Client] = true
		}
	}
	if len(restart) > 0 {
		return fmt.Errorf("fxmodule: %s: a backend reads its section at the start: restart the program, or undo the change of %s", file.Name(), strings.Join(restart, "; "))
	}
	for i, c := range f.clients {
		if !differs[c.name] || c.client.Closed() {
			continue
		}
		if err := c.change(ctx, file, by); err != nil && !errors.Is(err, core.ErrClientClosed) {
			return &refused{errors.Join(err, f.putBack(ctx, differs, i, by))}
		}
	}
	f.rotated(ctx, file)
	f.current, f.by = file, by
	if f.faulty {
		f.faulty = false
		f.logger.InfoContext(ctx, "penstock: the configuration file is in order again", "file", file.Name(), "by", by)
	}
	return nil
}

// rotated logs the secrets in files of their own that a backend has read and that are others
// now, once for each new secret. They do not hold back the changes of the file, for nobody
// could put them back there. The caller holds mu.
func (f *fromFile) rotated(ctx context.Context, file *config.File) {
	var secrets []string
	backends := file.Changes(f.file) // have read the first file
	for _, c := range file.Changes(f.current) {
		if c.Section && c.Rotated && slices.Contains(backends, c) {
			secrets = append(secrets, c.String())
		}
	}
	if len(secrets) > 0 {
		f.logger.WarnContext(ctx, "penstock: a backend goes on with a secret that was replaced, because it reads its section at the start: restart the program",
			"file", file.Name(), "secrets", strings.Join(secrets, "; "))
	}
}

// putBack gives the first clients the settings before again.
func (f *fromFile) putBack(ctx context.Context, differs map[string]bool, before int, by string) error {
	var errs []error
	for _, c := range f.clients[:before] {
		if differs[c.name] && !c.client.Closed() {
			errs = append(errs, c.change(ctx, f.current, by+", put back"))
		}
	}
	return errors.Join(errs...)
}

// refused is the error of a client, which has logged and counted it.
type refused struct{ error }

func (r *refused) Unwrap() error { return r.error }

// failed logs a file that was not applied, and counts it as a change that each client refused.
func (f *fromFile) failed(err error, by string) {
	_, told := errors.AsType[*refused](err)
	f.mu.Lock()
	f.faulty = true
	if !told {
		for _, c := range f.clients {
			c.client.CountRefusedChange(by, err)
		}
	}
	f.mu.Unlock()
	if told {
		return
	}
	f.logger.Warn("penstock: the configuration file was not applied, the settings stay as they are", "file", f.file.Name(), "by", by, "error", inOneLine(err))
}
