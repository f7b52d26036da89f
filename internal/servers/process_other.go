// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package servers

import (
	"errors"
	"os"
	"syscall"
)

// dieWithParent does nothing: only Linux can tie a child's life to its parent's.
func dieWithParent() *syscall.SysProcAttr { return nil }

// lockFile is not reached: the Milvus that needs it exists for Linux alone.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("no file lock on this system")
}
