// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package servers

import (
	"errors"
	"os"
	"syscall"
)

// dieWithParent does nothing: only Linux can kill a child with its parent.
func dieWithParent() *syscall.SysProcAttr { return nil }

// lockFile is never called: Milvus, which needs it, exists for Linux alone.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("no file lock on this system")
}
