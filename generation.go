// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Generation says which settings are in force. What a change changed is in
// [Snapshot.Changes].
type Generation struct {
	Number uint64    // 1 after New, and one more with each change that was applied
	At     time.Time // when the settings came in force
	By     string    // Change.By; empty after New
}

// AppliedChange is a change of the settings that came in force.
type AppliedChange struct {
	Generation uint64    `json:"generation"` // that the change made, see [Generation]
	At         time.Time `json:"at"`
	By         string    `json:"by,omitempty"` // Change.By
	// Changed are the settings that differ from the ones before, in the order of the
	// configuration. Empty after a change to the settings in force.
	Changed []SettingChange `json:"changed,omitempty"`
}

// SettingChange is a setting that a change gave another value.
type SettingChange struct {
	Key string `json:"key"` // as in Setting
	// Old and New are the values. A setting that has no value is empty, and so is a
	// setting of a stage that is not in the chain.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// String returns the change in words, such as "pool.max_size 4 to 8".
func (s SettingChange) String() string {
	return s.Key + " " + cmp.Or(s.Old, "none") + " to " + cmp.Or(s.New, "none")
}

// RefusedChanges are the changes that were refused, of which the last one is kept.
type RefusedChanges struct {
	Count uint64    `json:"count"`        // since New
	At    time.Time `json:"at"`           // of the last one
	By    string    `json:"by,omitempty"` // of the last one
	Why   string    `json:"why"`          // error of the last one
}

// Generation says which settings are in force.
func (c *Client[C]) Generation() Generation { return c.live.now.Load().generation }

// CountRefusedChange counts a change that was refused before it came to the client, such as
// a file of settings that cannot be read. [Client.Snapshot] shows by and err, and err must
// not hold a secret. [Client.Reconfigure] counts the changes that it refuses itself.
func (c *Client[C]) CountRefusedChange(by string, err error) {
	c.live.refused.add(RefusedChanges{At: time.Now().UTC(), By: by, Why: err.Error()})
}

// history is the latest changes that were applied, the oldest first. It does not change.
type history []AppliedChange

// keptChanges is how many changes a history has at most.
const keptChanges = 10

// with returns the history with one more change, and without the oldest one if there are
// too many.
func (h history) with(change AppliedChange) history {
	return append(slices.Clone(h[max(0, len(h)+1-keptChanges):]), change)
}

// latest returns copies of the changes, the latest first.
func (h history) latest() []AppliedChange {
	all := slices.Clone(h)
	slices.Reverse(all)
	for i := range all {
		all[i].Changed = slices.Clone(all[i].Changed)
	}
	return all
}

// refusals counts the changes that were refused. It is safe for concurrent use.
type refusals struct {
	mu  sync.Mutex
	all RefusedChanges // guarded by mu
}

func (r *refusals) add(last RefusedChanges) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last.Count = r.all.Count + 1
	r.all = last
}

func (r *refusals) load() RefusedChanges {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// difference returns the settings that differ. The settings of a stage that is not in the
// chain are none.
func difference(old, now []Setting) (all []SettingChange) {
	was := make(map[string]string, len(old))
	for _, s := range old {
		was[s.Key] = s.Value
	}
	for _, s := range now {
		if before := was[s.Key]; before != s.Value {
			all = append(all, SettingChange{Key: s.Key, Old: before, New: s.Value})
		}
		delete(was, s.Key)
	}
	for _, s := range old {
		if before := was[s.Key]; before != "" {
			all = append(all, SettingChange{Key: s.Key, Old: before})
		}
	}
	return all
}
