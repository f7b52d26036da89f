// SPDX-License-Identifier: Apache-2.0

package breaker

import "github.com/penstock-go/penstock/core"

// attach makes a guard follow the attempts of call, and returns it.
func (p *period) attach(cfg *Config, call *core.Call, pr *probe) core.Guard {
	var guard core.Guard = p
	slow := p.slow.Load()
	switch {
	case slow != nil:
		call.Measure()
		guard = newTicket(p, cfg, slow, pr)
	case cfg.CountAttempts:
		guard = newTicket(p, cfg, nil, pr)
	}
	call.Attach(guard)
	if pr != nil {
		call.LimitAttempts(1)
	}
	return guard
}

// leave ends what attach began, and counts a call that next returned err for. cfg is
// what attach had.
func (b *Breaker) leave(cfg *Config, p *period, pr *probe, guard core.Guard, call *core.Call, mark core.Mark, err error) {
	call.Detach(guard)
	if t, ok := guard.(*ticket); ok {
		t.free()
	}
	if call.Succeeded(mark, err) && pr == nil && !cfg.CountAttempts {
		b.count(p, nil, call, core.Success, nil)
		return
	}
	judged := err == nil
	if !judged || pr != nil {
		defer func() {
			if pr != nil { // its place is free again, whatever happened
				b.end(pr)
			}
			if !judged { // the classifier panics: what err means stays unknown
				b.neutral.Add(1)
			}
		}()
	}
	o := call.Since(mark, err)
	judged = true
	switch {
	case cfg.CountAttempts:
		if !o.Reached {
			b.neutral.Add(1)
		}
	case !o.Judged && b.refused(err):
		b.rejected.Add(1)
	default:
		b.count(p, pr, call, b.verdict(&o), err)
	}
}

// verdict returns the verdict of an outcome. The breaker has one rule of its
// own: an attempt that the operation's deadline ended before it ran for FairRun
// had no fair chance.
func (b *Breaker) verdict(o *core.Outcome) core.Verdict {
	if o.OutOfTime && o.Ran < b.cfg().FairRun {
		return core.Neutral
	}
	return o.Verdict
}

// count counts the verdict of a call, or of an attempt, that ended with err. An
// operation within the work of a probe counts in the totals alone.
func (b *Breaker) count(p *period, pr *probe, call *core.Call, v core.Verdict, err error) {
	if v == core.Failure && call.Op.Hedge {
		v = core.Neutral // the failure of the operation is counted in its first run
	}
	total := &b.neutral
	switch v {
	case core.Success:
		total = &b.succeeded
	case core.Failure:
		total = &b.failed
	}
	total.Add(1)
	switch {
	case pr != nil && pr.inner:
	case v == core.Success:
		b.succeed(p, call)
	case v == core.Failure:
		b.fail(p, call, reason(call, err))
	case pr != nil:
		b.probed(p, reason(call, err))
	}
}

// reason returns err, or what stands for it if a stage made nothing of a failure.
func reason(call *core.Call, err error) error {
	if err == nil {
		err = call.AttemptError()
	}
	if err == nil {
		err = errNoReason
	}
	return err
}

var errNoReason = core.Sentinel("a stage lost the error", "")

// succeed follows up a success of period p.
func (b *Breaker) succeed(p *period, call *core.Call) {
	if p.probing() {
		b.closeAfterProbe(p, call)
		return
	}
	if p.row.Load() != 0 {
		p.row.Store(0)
	}
	// A success opens the breaker if it completes the minimum of a window that
	// is full of failures.
	if failures := p.failures.Load(); failures != nil && failures.add(nil) {
		cause := failures.cause()
		b.tell(b.open(p, call, cause), call, cause)
	}
}

// fail follows up a failure of period p.
func (b *Breaker) fail(p *period, call *core.Call, err error) {
	if p.mode == ForcedClosed {
		return
	}
	p.trouble()
	row := p.row.Add(1)
	threshold := b.cfg().FailureThreshold
	tooMany := threshold > 0 && row >= int64(threshold)
	if failures := p.failures.Load(); failures != nil && failures.add(err) {
		tooMany = true
	}
	if tooMany || p.probing() {
		b.tell(b.open(p, call, err), call, err)
	}
}
