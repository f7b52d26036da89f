// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// note is a line of a transcript.
type note struct {
	at   time.Duration
	text string
}

// Note writes a line into the transcript, such as that a breaker opened.
func (s *Scenario) Note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step() // where it is written
	s.notes = append(s.notes, note{time.Since(s.start), fmt.Sprintf(format, args...)})
}

// Steps returns what happened so far, second by second.
func (s *Scenario) Steps() []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.steps)
}

// Requests returns how many requests have reached the backend.
func (s *Scenario) Requests() int {
	n := 0
	for _, step := range s.Steps() {
		n += step.Requests
	}
	return n
}

// Transcript returns what happened so far, a line for each second and each note.
func (s *Scenario) Transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	width := len("phase")
	for _, p := range s.phases {
		width = max(width, len(p.Name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%10s  %-*s %8s %9s %7s %9s %9s %7s\n",
		"time", width, "phase", "started", "succeeded", "failed", "rejected", "requests", "wasted")
	// Notes of one instant are in the order of their text, or it would depend on
	// who was quicker.
	notes := slices.SortedFunc(slices.Values(s.notes), func(x, y note) int {
		return cmp.Or(cmp.Compare(x.at, y.at), strings.Compare(x.text, y.text))
	})
	for n, step := range s.steps {
		at := time.Duration(n) * stepLength
		fmt.Fprintf(&b, "%9.0fs  %-*s %8d %9d %7d %9d %9d %7d\n", at.Seconds(), width, step.Phase,
			step.Started, step.Succeeded, step.Failed, step.Rejected, step.Requests, step.Wasted)
		for len(notes) > 0 && (notes[0].at < at+stepLength || n == len(s.steps)-1) {
			fmt.Fprintf(&b, "%9.3fs  %s\n", notes[0].at.Seconds(), notes[0].text)
			notes = notes[1:]
		}
	}
	return b.String()
}
