// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/lab"
)

const prometheusConfig = `global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: services
    file_sd_configs:
      - files: [targets.json]
        refresh_interval: 1s
`

// startPrometheus starts an empty Prometheus, and returns its base URL and its targets
// when it answers. The end of h ends it.
func startPrometheus(h testing.TB) (string, *lab.Targets, error) {
	path, err := findPrometheus()
	if err != nil {
		return "", nil, err
	}
	dir := h.TempDir()
	targets, err := lab.NewTargets(filepath.Join(dir, "targets.json"))
	if err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(prometheusConfig), 0o600); err != nil {
		return "", nil, err
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr := lis.Addr().String()
	lis.Close() // for Prometheus
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", nil, err
	}
	defer log.Close() // only the child writes to it
	cmd := exec.CommandContext(h.Context(), path, "--enable-feature=exemplar-storage", "--log.level=warn",
		"--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+addr)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	h.Cleanup(func() {
		_ = cmd.Process.Kill() // the only possible error is that it is gone
		_ = cmd.Wait()
	})
	return "http://" + addr, targets, await(h.Context(), "http://"+addr+"/-/ready")
}

// findPrometheus returns the path of an installed Prometheus.
func findPrometheus() (string, error) {
	cache, err := os.UserCacheDir()
	if err == nil {
		path := filepath.Join(cmp.Or(os.Getenv("PENSTOCK_CACHE"), filepath.Join(cache, "penstock")), "prometheus", "prometheus")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return "", errors.New("prometheus is not installed: install the package prometheus of Debian or Ubuntu, or put the program on the PATH")
	}
	return path, nil
}

// await waits until a GET of the URL succeeds.
func await(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(res.Status)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("GET %s: %w", url, err)
		}
	}
}
