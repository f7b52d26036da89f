// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/pool"
)

// Change is new settings for a client that runs: whole settings, as [New] takes them, in
// which a zero value means the default. To change some of the settings in force, begin
// with [Client.Settings].
type Change struct {
	// Pool takes the place of Backend.Pool.
	Pool pool.Config
	// Config takes the place of the Config that New was given. What cannot change may be
	// left out: names, providers, Telemetry, Observer, Watchers and Logger stay.
	Config Config
	// By says who makes the change, for the log and for [Client.Generation]: a user, or a
	// file. Optional.
	By string
	// Explain rewords the error of a change that is refused, before it is logged and
	// returned: for the user who made the change it names the settings as the user does, such
	// as by the keys of a file. Client.Settings leaves it out. Nil rewords nothing.
	Explain func(error) error
}

// Settings returns the settings in force, as [New] or the last [Client.Reconfigure] was
// given them. The configurations of the stages that it points at are copies: to write to
// them changes nothing.
func (c *Client[C]) Settings() Change { return c.live.now.Load().given.detached() }

// detached returns the settings of change, with copies of the configurations of the stages.
func (change Change) detached() Change {
	change.Config.Chain, _ = change.Config.Chain.Without() // leaves nothing out, so no name is wrong
	change.Explain = nil                                   // knows this change alone
	return change
}

// Reconfigure changes the settings of the client while it runs. It checks all of change
// first. Then it applies all of it, or nothing: the error names everything that is wrong,
// and every setting that can change only with a restart of the program. A change that is
// refused is logged and counted. A client that was closed returns [core.ErrClientClosed], and
// neither logs nor counts.
//
// No operation fails because of the change. Operations that begin from now on have the new
// settings. Operations under way end under the chain with which they began. Every stage
// keeps its state: an open breaker stays open, and a budget keeps what it has saved. See
// the Reconfigure of each stage, and of [pool.Pool], for what changes at once. What the
// client gave out before, such as [Client.Breaker] and [Client.Pool], stays in force. A
// stage that is switched off leaves the chain, and keeps its state until it is switched on
// again. A Budget in change gives its terms to the budget in force. The Middleware of a
// stage of the user's own is called again, to compose the new chain; a panic of it is an error.
//
// ctx is for the log. Reconfigure is safe for concurrent use: changes are applied one after
// the other.
func (c *Client[C]) Reconfigure(ctx context.Context, change Change) error {
	old, now, err := c.change(change)
	if errors.Is(err, core.ErrClientClosed) { // it has no settings that stay as they are
		return fmt.Errorf("penstock: client %q: its settings cannot change any more: %w", c.live.name, err)
	}
	if err != nil {
		err = fmt.Errorf("penstock: client %q: the settings stay as they are: %w", c.live.name, err)
		if change.Explain != nil {
			err = change.Explain(err)
		}
		c.CountRefusedChange(change.By, err)
		c.logRefused(ctx, change.By, err)
		return err
	}
	c.logChange(ctx, old, now)
	return nil
}

// change puts change in force, and returns what was in force until then, and what is now.
func (c *Client[C]) change(change Change) (old, now *inForce, err error) {
	c.live.mu.Lock()
	defer c.live.mu.Unlock()
	if c.live.closed {
		return nil, nil, core.ErrClientClosed
	}
	old = c.live.now.Load()
	before := c.settings(old)

	cfg := change.Config
	errs := []error{c.live.fixes(c.name, change)}
	pools := c.poolConfigs(change.Pool, cfg.UseTime && c.otel != nil)
	for i, l := range c.lanes {
		errs = append(errs, l.Accepts(pools[i]))
	}
	cfg.Chain = c.completed(cfg.Chain)
	chain, apply, err := old.chain.Reconfigure(cfg.Chain)
	errs = append(errs, err)
	if err != nil {
		chain = old.chain
	}
	settings := c.coreSettings(cfg, chain)
	_, err = core.NewClient(core.ClientConfig[C]{Source: c.sources, MaxAsync: settings.MaxAsync}) // for the check alone
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, nil, err
	}

	// None of these fails any more, unless the client is being closed. The first one calls
	// the Middleware of the user, which may panic: that is its error, and nothing has changed.
	errs = []error{c.Client.Reconfigure(settings)}
	if errs[0] == nil {
		for i, l := range c.lanes {
			errs = append(errs, l.Reconfigure(pools[i]))
		}
		errs = append(errs, apply())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	now = &inForce{chain: chain, given: change.detached()}
	g := Generation{Number: old.generation.Number + 1, At: time.Now(), By: change.By}
	now.generation = g
	now.changes = old.changes.with(AppliedChange{Generation: g.Number, At: g.At.UTC(), By: g.By, Changed: difference(before, c.settings(now))})
	c.live.replace(old, now)
	return old, now, nil
}

// completed returns cfg with what the client adds: its name, a probe, and no trace stage
// where there is nothing to tell.
func (c *Client[C]) completed(cfg middleware.Config) middleware.Config {
	cfg.Name = cmp.Or(cfg.Name, c.live.name)
	cfg.Health = c.health(c.factory, cfg.Health)
	cfg.Trace.Disabled = cfg.Trace.Disabled || c.heard == nil
	return cfg
}

// coreSettings returns the settings of package core for a chain. The configuration of the
// chain is completed.
func (c *Client[C]) coreSettings(cfg Config, chain *middleware.Chain) core.ClientConfig[C] {
	m := chain.Middleware
	if c.otel != nil {
		m = core.Compose(c.otel.MeasureAttempts, m)
	}
	return core.ClientConfig[C]{
		Middleware:       m,
		OperationTimeout: max(cfg.Chain.OperationTimeout, 0), // Build refuses a negative one
		MaxAsync:         cfg.MaxAsync,
		Traced:           !cfg.Chain.Trace.Disabled,
		WaitsTold:        len(cfg.Chain.Stages) == 0, // by the pool and by Penstock's stages
	}
}
