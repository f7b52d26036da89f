// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
)

// Targets is the file that tells a Prometheus which programs to scrape, see
// file_sd_configs of Prometheus. It is safe for concurrent use.
type Targets struct {
	path string

	mu   sync.Mutex
	jobs map[string]string // guarded by mu; address by job
}

// NewTargets returns the file at path, without targets. It writes the file.
func NewTargets(path string) (*Targets, error) {
	t := &Targets{path: path, jobs: map[string]string{}}
	return t, t.write()
}

// Add makes Prometheus scrape http://addr/metrics, with the label job.
func (t *Targets) Add(job, addr string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[job] = addr
	return t.write()
}

// Remove ends the scrapes of a job. Another program may get its address.
func (t *Targets) Remove(job string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.jobs, job)
	return t.write()
}

// write is called with mu held.
func (t *Targets) write() error {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	groups := []group{}
	for _, job := range slices.Sorted(maps.Keys(t.jobs)) {
		groups = append(groups, group{[]string{t.jobs[job]}, map[string]string{"job": job}})
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return fmt.Errorf("lab: targets: %w", err)
	}
	// Renamed, because Prometheus may read the file at any time.
	if err := os.WriteFile(t.path+".new", text, 0o600); err != nil {
		return fmt.Errorf("lab: targets: %w", err)
	}
	if err := os.Rename(t.path+".new", t.path); err != nil {
		return fmt.Errorf("lab: targets: %w", err)
	}
	return nil
}
