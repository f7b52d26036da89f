// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/fxmodule/config"
)

// watched is a file that is watched in virtual time, and what was told of it.
type watched struct {
	t       *testing.T
	name    string
	watcher *config.Watcher
	hold    atomic.Pointer[chan struct{}] // Apply waits until it is closed; nil disables it

	mu      sync.Mutex
	refuse  error    // guarded by mu, as what follows
	applied []string // max_async and who changed it
	failed  []string
}

// watch watches a new file in the bubble of the test.
func watch(t *testing.T, name, text string, o config.Options) *watched {
	t.Helper()
	w := &watched{t: t, name: name}
	if text != "" {
		w.write(text)
	}
	f, err := config.Load(name, o)
	if err != nil {
		t.Fatal(err)
	}
	w.watcher, err = config.Watch(f, config.Watching{
		Apply: func(_ context.Context, f *config.File, by string) error {
			if hold := w.hold.Load(); hold != nil {
				<-*hold
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.refuse != nil {
				return w.refuse
			}
			c, err := f.Client("")
			_, client := c.Settings()
			w.applied = append(w.applied, fmt.Sprintf("%d by %s", client.MaxAsync, by))
			return err
		},
		Failed: func(err error, by string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.failed = append(w.failed, err.Error()+" by "+by)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.watcher.Start()
	t.Cleanup(w.watcher.Close)
	time.Sleep(time.Second) // so that nothing happens at the instant of a look
	return w
}

func (w *watched) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// looks lets the watcher look n times.
func (w *watched) looks(n int) {
	time.Sleep(time.Duration(n) * 2 * time.Second)
	synctest.Wait()
}

// want compares what was told since the last want.
func (w *watched) want(applied, failed []string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.applied, applied) || !slices.Equal(w.failed, failed) {
		w.t.Errorf("applied %q and failed %q\nwant    %q and        %q", w.applied, w.failed, applied, failed)
	}
	w.applied, w.failed = nil, nil
}

func TestAChangedFileIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		w := watch(t, "penstock.yaml", "max_async: 3", options)
		w.looks(5)
		w.want(nil, nil)
		w.write("max_async: 44")
		w.looks(3)
		w.want([]string{"44 by file penstock.yaml"}, nil)
		w.write("max_async: 44 # the same")
		w.looks(3)
		w.want(nil, nil)
		// By another file of the name, as editors write it.
		if err := os.WriteFile("new", []byte("max_async: 55"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename("new", "penstock.yaml"); err != nil {
			t.Fatal(err)
		}
		w.looks(3)
		w.want([]string{"55 by file penstock.yaml"}, nil)
	})
}

func TestAnInvalidFileChangesNothingAndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		w := watch(t, "penstock.yaml", "max_async: 3", options)
		before := w.watcher.File()
		w.write("max_async: many")
		w.looks(10)
		w.want(nil, []string{`config: penstock.yaml:1: max_async is "many", want a whole number by file penstock.yaml`})
		if w.watcher.File() != before {
			t.Error("the file in force is another")
		}
		w.write("max_async: more")
		w.looks(10)
		w.want(nil, []string{`config: penstock.yaml:1: max_async is "more", want a whole number by file penstock.yaml`})
		w.write("max_async: 3") // as is in force, which Apply is to know after a failure
		w.looks(10)
		w.want([]string{"3 by file penstock.yaml"}, nil)
		w.mu.Lock()
		w.refuse = errors.New("restart the program")
		w.mu.Unlock()
		w.write("max_async: 4")
		w.looks(10)
		w.want(nil, []string{"restart the program by file penstock.yaml"})
		if c, err := w.watcher.File().Client(""); err != nil {
			t.Error(err)
		} else if _, client := c.Settings(); client.MaxAsync != 3 {
			t.Errorf("MaxAsync = %d in force, want 3", client.MaxAsync)
		}
	})
}

func TestAFileThatIsBeingWrittenIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		w := watch(t, "penstock.yaml", "max_async: 3", options)
		for i := range 20 {
			w.write("max_async: many" + strings.Repeat(" ", i))
			w.looks(1)
		}
		w.write("max_async: 4")
		w.looks(3)
		w.want([]string{"4 by file penstock.yaml"}, nil)
	})
}

func TestAFileThatIsGoneForAMomentIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		w := watch(t, "penstock.yaml", "max_async: 3", options)
		gone := func() {
			if err := os.Remove("penstock.yaml"); err != nil {
				t.Fatal(err)
			}
		}
		w.looks(1)
		gone()
		w.looks(1)
		w.write("max_async: 4")
		w.looks(3)
		w.want([]string{"4 by file penstock.yaml"}, nil)
		gone()
		w.looks(10)
		w.want(nil, []string{"config: penstock.yaml: file does not exist: create the file, or correct its name by file penstock.yaml"})
		w.write("max_async: 5")
		w.looks(3)
		w.want([]string{"5 by file penstock.yaml"}, nil)
	})
}

// Kubernetes writes a new folder, and renames a link over ..data.
func TestAConfigMapThatChangesIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		mount := func(version, text string) {
			t.Helper()
			err := errors.Join(
				os.Mkdir(filepath.Join(dir, version), 0o700),
				os.WriteFile(filepath.Join(dir, version, "penstock.yaml"), []byte(text), 0o600),
				os.Symlink(version, filepath.Join(dir, "..data_tmp")),
				os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")),
			)
			if err != nil {
				t.Fatal(err)
			}
		}
		mount("..1", "max_async: 3")
		name := filepath.Join(dir, "penstock.yaml")
		if err := os.Symlink(filepath.Join("..data", "penstock.yaml"), name); err != nil {
			t.Fatal(err)
		}
		w := watch(t, name, "", options)
		mount("..2", "max_async: 4")
		if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
			t.Fatal(err)
		}
		w.looks(3)
		w.want([]string{"4 by file " + name}, nil)
	})
}

func TestReloadReadsAtOnceAndTellsWho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		w := watch(t, "penstock.yaml", "max_async: 3", options)
		if err := w.watcher.Reload(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
		w.want(nil, nil)
		w.write("max_async: 4")
		if err := w.watcher.Reload(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
		w.looks(3)
		w.want([]string{"4 by ann"}, nil)
		w.write("max_async: many")
		fault := `config: penstock.yaml:1: max_async is "many", want a whole number`
		for range 2 {
			if err := w.watcher.Reload(t.Context(), "ann"); err == nil || err.Error() != fault {
				t.Errorf("Reload = %v, want %s", err, fault)
			}
		}
		w.looks(3) // the watcher has seen that version
		w.want(nil, []string{fault + " by ann", fault + " by ann"})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.watcher.Reload(ctx, "ann"); !errors.Is(err, context.Canceled) {
			t.Errorf("Reload = %v, want %v", err, context.Canceled)
		}
	})
}

// A page that shows the file must not hang either.
func TestAReloadDoesNotWaitForAnotherLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		w := watch(t, "penstock.yaml", "max_async: 3", options)
		hold := make(chan struct{})
		w.hold.Store(&hold)
		w.write("max_async: 4")
		first := make(chan error, 1)
		go func() { first <- w.watcher.Reload(t.Context(), "ann") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin, before := time.Now(), w.watcher.File()
		err := w.watcher.Reload(ctx, "bob")
		want := "config: penstock.yaml: the file was not read, because the caller did not wait: context deadline exceeded"
		if err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
			t.Errorf("Reload = %v after %v, want %s", err, time.Since(begin), want)
		}
		if w.watcher.File() != before {
			t.Error("File returns a file that is not in force yet")
		}
		close(hold)
		if err := <-first; err != nil {
			t.Errorf("Reload = %v", err)
		}
		w.want([]string{"4 by ann"}, nil)
		if w.watcher.File() == before {
			t.Error("File returns the file before")
		}
	})
}

func TestWhatCannotBeWatchedIsRefused(t *testing.T) {
	none, err := config.Load("", options)
	if err != nil {
		t.Fatal(err)
	}
	some, err := config.Load(file(t, "# nothing yet"), options)
	if err != nil {
		t.Fatal(err)
	}
	apply := func(context.Context, *config.File, string) error { return nil }
	for _, row := range []struct {
		file *config.File
		cfg  config.Watching
		want string
	}{
		{nil, config.Watching{Apply: apply}, "config: Watch needs a File and Watching.Apply: set both"},
		{some, config.Watching{}, "config: Watch needs a File and Watching.Apply: set both"},
		{none, config.Watching{Apply: apply}, "config: there is no file to watch: give Load a name, or leave Watch out"},
		{some, config.Watching{Apply: apply, Interval: -1}, "config: Watching.Interval is -1ns, want 0 (the default, 2s) or more"},
	} {
		if _, err := config.Watch(row.file, row.cfg); err == nil || err.Error() != row.want {
			t.Errorf("Watch = %v, want %s", err, row.want)
		}
	}
}

func TestClientsThatComeOrGoAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		w := watch(t, "penstock.yaml", "clients: {a: , b: }", options)
		for text, want := range map[string]string{
			"clients: {a: }":         `config: penstock.yaml: client "b" is gone, and it runs: put it back, or restart the program`,
			"clients: {a: ,b: ,c: }": `config: penstock.yaml: client "c" is new: restart the program`,
		} {
			w.write(text)
			if err := w.watcher.Reload(t.Context(), "ann"); err == nil || err.Error() != want {
				t.Errorf("Reload = %v, want %s", err, want)
			}
		}
	})
}

func TestChangesNameEachSettingWithoutSecrets(t *testing.T) {
	of := func(text string) *config.File {
		f, err := config.Load(file(t, text), config.Options{Sections: two})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	old := of("max_async: 3\nclients:\n  a: {redis: {password: hunter2, weights: [1]}, order: [trace, breaker, retry, timeout, health]}\n  b: {pool: {max_size: 3}}\n")
	now := of("max_async: unlimited\nclients:\n  a: {redis: {password: hunter3, weights: [1]}}\n  b: {pool: {max_size: 3, max_waiters: 2}}\n")
	var got []string
	for _, c := range now.Changes(old) {
		got = append(got, fmt.Sprint(c.Section, " ", c))
	}
	want := []string{
		"true clients.a.redis.password: [redacted], was [redacted]",
		"false clients.a.order: the default, was [trace breaker retry timeout health]",
		"false clients.a.max_async: unlimited, was 3",
		"false clients.b.max_async: unlimited, was 3",
		"false clients.b.pool.max_waiters: 2, was the default",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Changes = %q\nwant %q", got, want)
	}
	if changes := old.Changes(old); len(changes) > 0 {
		t.Errorf("a file differs from itself: %v", changes)
	}
}

// The file of a secret may change on its own, as a Secret of Kubernetes does.
func TestASecretThatRotatesIsNoChangeOfTheSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	secrets := func(a, b string) {
		t.Helper()
		if err := errors.Join(os.WriteFile("a", []byte(a), 0o600), os.WriteFile("b", []byte(b), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	of := func(text string) *config.File {
		t.Helper()
		f, err := config.Load(file(t, text), config.Options{Sections: two})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	secrets("hunter1", "hunter2")
	old := of("redis: {password_file: a}")
	for _, row := range []struct {
		file, a, b, want string
		rotated          bool
	}{
		{"redis: {password_file: a}", "hunter3", "hunter2", "redis.password_file: the file holds another secret", true},
		{"redis: {password_file: b}", "hunter1", "hunter2", "redis.password_file: [redacted], was [redacted]", false},
		{"redis: {password: hunter3}", "hunter1", "hunter2", "redis.password: [redacted], was the default", false},
	} {
		secrets(row.a, row.b)
		changes := of(row.file).Changes(old)
		if len(changes) == 0 || changes[0].String() != row.want || changes[0].Rotated != row.rotated || !changes[0].Section {
			t.Errorf("%s: Changes = %+v, want %s", row.file, changes, row.want)
		}
	}
}
