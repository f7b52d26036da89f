// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/penstock-go/penstock/fxmodule/config"
)

func TestANamedPipeIsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, "pipe", "pipe: it is no regular file: name a file")
}

// Root reads every file, so the test reads it as another user. The kernel takes the right
// to read every file from the thread together with the user.
func TestAFileWithoutPermissionIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("penstock.yaml", []byte("max_async: 3"), 0o000); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		_, err := config.Load("penstock.yaml", options)
		done <- err
	}()
	err := <-done
	want := "config: penstock.yaml: permission denied: let the user of the process read the file"
	if err == nil || err.Error() != want || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Load = %v\nwant %s", err, want)
	}
}
