// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"fmt"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/internal/enum"
)

// Option sets how clients are built. An option of [Module] holds for all clients of
// the application, an option of [Client] for that client. The client's option
// replaces that of Module, except that the names of [Without] add up.
type Option func(*settings)

type settings struct {
	name    string
	client  *penstock.Config // nil if no option gives it
	order   []string
	without []string
	start   StartMode
}

// StartMode says what a client does when the application starts.
type StartMode uint8

const (
	// StartEager dials the pool's minimum. If a dial fails, the application does
	// not start.
	StartEager StartMode = iota
	// StartBackground dials the pool's minimum while the application goes on. The
	// first failure is logged, and the client dials again after a second, later after
	// up to 30 s, until it has a connection. Operations dial as well.
	StartBackground
	// StartLazy dials for the first operation.
	StartLazy
)

// String returns "eager", "background" or "lazy".
func (m StartMode) String() string {
	switch m {
	case StartEager:
		return "eager"
	case StartBackground:
		return "background"
	case StartLazy:
		return "lazy"
	default:
		return fmt.Sprintf("mode(%d)", uint8(m))
	}
}

var startModes = []StartMode{StartEager, StartBackground, StartLazy}

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (m StartMode) MarshalText() ([]byte, error) { return enum.Text(m, startModes...) }

// UnmarshalText sets m to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (m *StartMode) UnmarshalText(text []byte) error { return enum.Parse(m, text, startModes...) }

// Named gives a client a name. The client is provided with the tag name:"name",
// takes its penstock.Backend and pool.Factory with the same tag, and has the stages
// that are [For] it. Module refuses this option.
func Named(name string) Option { return func(s *settings) { s.name = name } }

// Config configures a client: its chain, its telemetry, its logger. The Config of
// Client replaces the Config of Module as a whole. [AsMiddleware] adds stages to
// the chain. A provider or Logger of cfg wins over the one in the graph; an
// Observer takes the place of all providers.
func Config(cfg penstock.Config) Option { return func(s *settings) { s.client = &cfg } }

// Order names the stages, outermost first. It replaces the order in [Config].
func Order(names ...string) Option { return func(s *settings) { s.order = names } }

// Without leaves the named stages out. A name that no stage has is an error.
func Without(names ...string) Option {
	return func(s *settings) { s.without = append(s.without, names...) }
}

// Start sets the start mode; the default is StartEager.
func Start(mode StartMode) Option { return func(s *settings) { s.start = mode } }

// Name returns the name that opts give; "" if they give none. It is for modules
// that build on [Client].
func Name(opts ...Option) string { return (*shared)(nil).resolve(opts).name }

// NameTag returns the fx tag of the name that opts give; "" if they give none. It
// is for modules that build on [Client].
func NameTag(opts ...Option) string {
	if name := Name(opts...); name != "" {
		return fmt.Sprintf(`name:"%s"`, name)
	}
	return ""
}
