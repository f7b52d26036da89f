// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
)

// Explain returns an error with the text that a person should read of an error of fx:
// what is wrong and what helps, without the frames that fx puts around it. The error
// wraps err. Nil is nil, and any other error keeps its text. The logger of [WithLogger]
// writes errors so.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	text := explanation(err)
	if text == err.Error() {
		return err
	}
	return &explained{text, err}
}

type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// explanation returns the text of Explain.
func explanation(err error) string {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var lines []string
		for _, e := range several.Unwrap() {
			lines = append(lines, explanation(e))
		}
		return strings.Join(lines, "\n")
	}
	if ours, ok := errors.AsType[*wiringError](err); ok {
		return ours.Error()
	}
	text := innermost(err)
	for _, r := range remedies {
		if found := r.of.FindStringSubmatchIndex(text); found != nil {
			return string(r.of.ExpandString(nil, r.remedy, text, found))
		}
	}
	return text
}

// innermost returns the text of the frame of dig that says most. The text of a frame has
// the frames further in behind its own.
func innermost(err error) string {
	text := err.Error()
	var frame dig.Error
	for at := err; errors.As(at, &frame); at = errors.Unwrap(frame) {
		inner := frame.Error()
		switch {
		case strings.HasPrefix(inner, "missing dependencies for function"),
			strings.HasPrefix(inner, "cannot provide ") && !strings.HasPrefix(inner, "cannot provide function"):
			return inner // what is missing, or there already, without where
		case ourConstructor.MatchString(inner):
			return errors.Unwrap(frame).Error() // names what is wrong
		case strings.HasPrefix(inner, "received non-nil error from function"):
			text = inner
		}
	}
	return text
}

// ourConstructor is the frame of a constructor of Penstock's that failed.
var ourConstructor = regexp.MustCompile(`^received non-nil error from function "github\.com/penstock-go/penstock/fxmodule(/\w+)?"\.`)

// remedies replace texts of dig that do not say what helps.
var remedies = []struct {
	of     *regexp.Regexp
	remedy string
}{
	{regexp.MustCompile(`^cannot provide fxmodule\.useNamedForASecondClientOf\[(.+)\]\[name="(.+?)"\] from.*$`),
		`fxmodule: two clients of $1 have the name "$2": give one of them another name by fxmodule.Named`},
	{regexp.MustCompile(`^cannot provide fxmodule\.useNamedForASecondClientOf\[(.+)\] from.*$`),
		`fxmodule: two clients of $1 have no name: give one of them the option fxmodule.Named`},
	{regexp.MustCompile(`^cannot provide fxmodule\.useAnotherNameForASecondClient\[name="(.+?)"\] from.*$`),
		`fxmodule: two clients have the name "$1": give one of them another name by fxmodule.Named`},
	{regexp.MustCompile(`^cannot provide fxmodule\.leaveOutTheSecond(\w+) from.*$`),
		`fxmodule: the application has two fxmodule.$1: leave out one of them`},
	{regexp.MustCompile(`^cannot provide admin\.useOneAdminModule from.*$`),
		`admin: the application has two admin.Module: leave out one of them`},
	{regexp.MustCompile(`(?s)^(.*missing type: \*(?:penstock\.Client|core\.Client|pool\.Pool)\[.*)$`),
		`$1: add fxmodule.Client with the same fxmodule.Named, or correct the name in the tag`},
	{regexp.MustCompile(`(?s)^(.*missing type: \*(?:breaker\.Breaker|health\.Monitor|middleware\.Chain|otelx\.Observer)\[name=.*)$`),
		`$1: correct the name in the tag, or add fxmodule.Client with the same fxmodule.Named`},
	{regexp.MustCompile(`(?s)^(.*missing type: \*(?:breaker\.Breaker|health\.Monitor|middleware\.Chain|otelx\.Observer).*)$`),
		`$1: add fxmodule.Module, which provides the parts of the client without a name`},
}

// WithLogger lets fx log to the *slog.Logger in the graph, or to slog.Default. What fx
// does is told at level debug, its errors at level error, with the text of [Explain]. It
// is an option of the application; in an fx.Module it holds for that module alone.
func WithLogger() fx.Option {
	return fx.WithLogger(func(in loggerParams) fxevent.Logger {
		l := &fxevent.SlogLogger{Logger: logger(in.Logger)}
		l.UseLogLevel(slog.LevelDebug)
		return explaining{l}
	})
}

type loggerParams struct {
	fx.In
	Logger *slog.Logger `optional:"true"`
}

// explaining gives errors the text of Explain.
type explaining struct{ next fxevent.Logger }

func (l explaining) LogEvent(event fxevent.Event) {
	switch e := event.(type) {
	case *fxevent.Provided:
		event = with(*e, func(e *fxevent.Provided) { e.Err, e.StackTrace, e.ModuleTrace = Explain(e.Err), nil, nil })
	case *fxevent.Supplied:
		event = with(*e, func(e *fxevent.Supplied) { e.Err, e.StackTrace, e.ModuleTrace = Explain(e.Err), nil, nil })
	case *fxevent.Invoked:
		event = with(*e, func(e *fxevent.Invoked) { e.Err, e.Trace = Explain(e.Err), "" })
	case *fxevent.OnStartExecuted:
		event = with(*e, func(e *fxevent.OnStartExecuted) { e.Err = Explain(e.Err) })
	case *fxevent.OnStopExecuted:
		event = with(*e, func(e *fxevent.OnStopExecuted) { e.Err = Explain(e.Err) })
	case *fxevent.RollingBack:
		event = with(*e, func(e *fxevent.RollingBack) { e.StartErr = Explain(e.StartErr) })
	case *fxevent.RolledBack:
		event = with(*e, func(e *fxevent.RolledBack) { e.Err = Explain(e.Err) })
	case *fxevent.Started:
		event = with(*e, func(e *fxevent.Started) { e.Err = Explain(e.Err) })
	case *fxevent.Stopped:
		event = with(*e, func(e *fxevent.Stopped) { e.Err = Explain(e.Err) })
	case *fxevent.Run:
		if e.Err != nil {
			return // whatever asked for the value tells of the error too
		}
	}
	l.next.LogEvent(event)
}

// with returns a pointer to a changed copy of an event.
func with[E any](event E, change func(*E)) *E {
	change(&event)
	return &event
}
