// SPDX-License-Identifier: Apache-2.0

package core

import "github.com/penstock-go/penstock/internal/enum"

var (
	safeties   = []Safety{Unsafe, Idempotent, ReadOnly}
	verdicts   = []Verdict{Failure, Neutral, Success}
	retries    = []Retry{RetryNever, RetryIfReadOnly, RetryIfIdempotent, RetryAlways}
	fates      = []ConnFate{Keep, Unclean, Suspect, Broken}
	scopeKinds = []ScopeKind{ScopeOperation, ScopeAttempt, ScopeAcquire, ScopeConnect, ScopeProbe, ScopeValidate}
	eventKinds = []EventKind{
		EventRetry, EventRetryEnd, EventReject, EventTransition, EventTimeout, EventHealth, EventWait, EventPanic,
	}
)

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (s Safety) MarshalText() ([]byte, error) { return enum.Text(s, safeties...) }

// UnmarshalText sets s to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (s *Safety) UnmarshalText(text []byte) error { return enum.Parse(s, text, safeties...) }

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (v Verdict) MarshalText() ([]byte, error) { return enum.Text(v, verdicts...) }

// UnmarshalText sets v to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (v *Verdict) UnmarshalText(text []byte) error { return enum.Parse(v, text, verdicts...) }

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (r Retry) MarshalText() ([]byte, error) { return enum.Text(r, retries...) }

// UnmarshalText sets r to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (r *Retry) UnmarshalText(text []byte) error { return enum.Parse(r, text, retries...) }

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (f ConnFate) MarshalText() ([]byte, error) { return enum.Text(f, fates...) }

// UnmarshalText sets f to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (f *ConnFate) UnmarshalText(text []byte) error { return enum.Parse(f, text, fates...) }

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (k ScopeKind) MarshalText() ([]byte, error) { return enum.Text(k, scopeKinds...) }

// UnmarshalText sets k to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (k *ScopeKind) UnmarshalText(text []byte) error { return enum.Parse(k, text, scopeKinds...) }

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (k EventKind) MarshalText() ([]byte, error) { return enum.Text(k, eventKinds...) }

// UnmarshalText sets k to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (k *EventKind) UnmarshalText(text []byte) error { return enum.Parse(k, text, eventKinds...) }
