// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The versions that "make servers" installs.
const (
	MilvusVersion     = "2.3.5"
	MilvusLiteVersion = "3.2.2"
	JaegerVersion     = "1.76.0"
)

// cacheDir returns the directory that the installers in .ci/tools use.
func cacheDir() (string, error) {
	if dir := os.Getenv("PENSTOCK_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "penstock"), nil
}

// milvusInstall returns the directory of the installed Milvus. The error says what
// is missing and how to install it.
func milvusInstall() (string, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("the real Milvus %s for tests exists for linux/amd64 alone, this is %s/%s",
			MilvusVersion, runtime.GOOS, runtime.GOARCH)
	}
	return installed("milvus-"+MilvusVersion,
		"Milvus "+MilvusVersion+" is not installed; 'make servers' installs it (it needs Python 3 with venv)",
		"bin/milvus", "config.yaml.template", "glog.conf")
}

// milvusLiteInstall is milvusInstall for milvus-lite.
func milvusLiteInstall() (string, error) {
	return installed("milvus-lite-"+MilvusLiteVersion,
		"milvus-lite "+MilvusLiteVersion+" is not installed; 'make servers' installs it (it needs Python 3.10 or newer with venv)",
		"bin/python")
}

// jaegerInstall is milvusInstall for Jaeger.
func jaegerInstall() (string, error) {
	return installed("jaeger-"+JaegerVersion,
		"Jaeger "+JaegerVersion+" is not built; 'make servers' builds it (about 5 minutes the first time)",
		"jaeger")
}

// prometheusInstall is milvusInstall for Prometheus.
func prometheusInstall() (string, error) {
	return installed("prometheus",
		"Prometheus is not installed; 'make servers' installs it (from the package prometheus of Debian or Ubuntu)",
		"prometheus", "promtool")
}

// chromiumInstall is milvusInstall for Chromium.
func chromiumInstall() (string, error) {
	return installed("chromium",
		"Chromium is not installed; 'make servers' installs it (from the package chromium of Debian)",
		"chromium")
}

// installed returns the directory of that name in the cache if it is complete. The
// manifest shows that the installer has finished; only the installer verifies
// checksums.
func installed(name, missing string, files ...string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", fmt.Errorf("%s: %w", missing, err)
	}
	dir := filepath.Join(cache, name)
	for _, file := range append(files, "manifest") {
		_, err := os.Stat(filepath.Join(dir, file))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", errors.New(missing)
		case err != nil:
			return "", fmt.Errorf("%s: %w", missing, err)
		}
	}
	return dir, nil
}

// skipOrFail skips or fails the test because of the error of an install function.
func skipOrFail(t testing.TB, missing error) {
	t.Helper()
	if os.Getenv("PENSTOCK_REQUIRE_REAL") == "1" {
		t.Fatalf("%v (PENSTOCK_REQUIRE_REAL=1 turns this skip into a failure)", missing)
	}
	t.Skip(missing)
}
