// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/contain"
)

// Watching says what a [Watcher] does with a file that changes.
type Watching struct {
	// Apply puts a file in force, which is right as a whole, and differs from the one in
	// force or comes after one that failed. by says who changed it: "file penstock.yaml", or the caller of Reload. After
	// an error the file before stays in force, and Apply must have changed nothing. Calls
	// do not overlap, and Apply must not call the Watcher. Required.
	Apply func(ctx context.Context, file *File, by string) error
	// Failed is told of each version of the file that cannot be read, is wrong, or that
	// Apply refuses: once of each, and each time for Reload. Nil tells nobody.
	Failed func(err error, by string)
	// Interval is how often the file is looked at. A change is read when the file was the
	// same at two looks, so that a file that is being written is left alone. Zero is 2 s.
	Interval time.Duration
}

// Watcher reads a file again whenever it changes. It is made by [Watch], and safe for
// concurrent use.
type Watcher struct {
	cfg    Watching
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	looks  sync.WaitGroup

	turn   chan struct{} // has a value while a reload is under way; only that one writes the fields below
	failed bool          // the last file

	mu   sync.Mutex  // guards what follows, and is not held while a function of the user runs
	file *File       // in force
	seen fs.FileInfo // of the file when it was read last; nil if there was none
}

// Watch returns a Watcher of a file, which looks at the file from Start until Close. It heeds
// a file that is written in place, a file that an editor renames over the old one, and a file
// behind symbolic links that change, as Kubernetes mounts a ConfigMap. A file that is gone
// for a moment is waited for. What the environment sets stays in force.
func Watch(file *File, cfg Watching) (*Watcher, error) {
	switch {
	case file == nil || cfg.Apply == nil:
		return nil, errors.New("config: Watch needs a File and Watching.Apply: set both")
	case file.name == "":
		return nil, errors.New("config: there is no file to watch: give Load a name, or leave Watch out")
	case cfg.Interval < 0:
		return nil, fmt.Errorf("config: Watching.Interval is %v, want 0 (the default, 2s) or more", cfg.Interval)
	case cfg.Interval == 0:
		cfg.Interval = 2 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Watcher{cfg: cfg, ctx: ctx, cancel: cancel, turn: make(chan struct{}, 1), file: file, seen: file.seen}, nil
}

// Start begins to look at the file. Without it, or after Close, only Reload reads the file.
// Start is called once.
func (w *Watcher) Start() { w.looks.Go(w.run) }

// Close ends the watch, and waits for the reload of a changed file; the context of its Apply
// ends. It may be called without Start.
func (w *Watcher) Close() {
	w.cancel()
	w.looks.Wait()
}

// File returns the file in force. It does not wait for a reload that is under way.
func (w *Watcher) File() *File {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.file
}

// Reload reads the file now, and puts it in force if it differs. by says who asks. After
// an error everything stays as it was. If another reload is under way, Reload waits for its
// end. If ctx ends first, nothing is read, and Failed is not told.
func (w *Watcher) Reload(ctx context.Context, by string) error {
	if ctx.Err() == nil {
		select {
		case w.turn <- struct{}{}:
			defer func() { <-w.turn }()
		case <-ctx.Done():
		}
	}
	before := w.File()
	if ctx.Err() != nil {
		return fmt.Errorf("config: %s: the file was not read, because the caller did not wait: %w", before.name, context.Cause(ctx))
	}
	w.note(look(before.name), before) // before it is read, so that a later change is seen
	file, err := w.reload(ctx, before, by)
	w.failed = err != nil
	if err == nil {
		w.note(w.read(), file)
	} else if w.cfg.Failed != nil {
		_ = apart("Watching.Failed", func() error { w.cfg.Failed(err, by); return nil })
	}
	return err
}

// reload returns the file that is in force from now on.
func (w *Watcher) reload(ctx context.Context, before *File, by string) (*File, error) {
	file, err := Load(before.name, before.options)
	if err != nil {
		return nil, err
	}
	if err := file.sameClients(before); err != nil {
		return nil, err
	}
	if len(file.Changes(before)) > 0 || w.failed {
		if err := apart("Watching.Apply", func() error { return w.cfg.Apply(ctx, file, by) }); err != nil {
			return nil, err
		}
	}
	return file, nil
}

// note keeps what was seen of the file, and which version of it is in force.
func (w *Watcher) note(seen fs.FileInfo, file *File) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen, w.file = seen, file
}

// apart calls a function of the user on a goroutine of its own, so that a panic or
// runtime.Goexit in it does not end the watch.
func apart(name string, fn func() error) error {
	result := make(chan error, 1)
	go contain.Call(name, func(p *contain.Panic) { result <- p }, func() { result <- fn() })
	return <-result
}

// run looks at the file at each interval.
func (w *Watcher) run() {
	ticks := time.NewTicker(w.cfg.Interval)
	defer ticks.Stop()
	name := w.File().name
	last := look(name)
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-ticks.C:
		}
		now := look(name)
		if same(now, last) && !same(now, w.read()) {
			_ = w.Reload(w.ctx, "file "+name) // Failed is told
		}
		last = now
	}
}

// read returns what the file was when it was read last.
func (w *Watcher) read() fs.FileInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// look returns what the file system says of a file, nil if it has no such file.
func look(name string) fs.FileInfo {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return info
}

// same reports whether a file has not changed between two looks.
func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
