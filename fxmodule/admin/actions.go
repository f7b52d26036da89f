// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/text"
	"github.com/penstock-go/penstock/middleware/breaker"
)

const (
	longestBody = 4 << 10
	drainWithin = 10 * time.Second // default
	drainMost   = 5 * time.Minute
	reloadMost  = 30 * time.Second
	largestPool = 100_000
)

// actions are what POST /actions does, by name. Each returns what it did, as a sentence.
var actions = map[string]func(*Admin, context.Context, *Action, string) (string, *refusal){
	"breaker_reset": onBreaker("reset the breaker of %s", (*breaker.Breaker).Reset),
	"breaker_open":  onBreaker("forced the breaker of %s open", (*breaker.Breaker).ForceOpen),
	"breaker_close": onBreaker("forced the breaker of %s closed", (*breaker.Breaker).ForceClose),
	"breaker_watch": onBreaker("made the breaker of %s watch only", (*breaker.Breaker).Disable),
	"drain":         (*Admin).drain,
	"resize":        (*Admin).resize,
	"reload":        (*Admin).reload,
}

// act serves an action.
func (a *Admin) act(w http.ResponseWriter, r *http.Request) {
	by, refused := a.bearer(r)
	if refused != nil {
		a.answer(w, r, refused)
		return
	}
	if also := r.Header.Get("Penstock-By"); also != "" {
		by += "/" + text.Clean(also)
	}
	action, refused := actionOf(w, r)
	if refused != nil {
		a.answer(w, r, refused)
		return
	}
	// An action goes on when its page is closed, and has more time than other requests.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(drainMost + writeWithin))
	ctx, end, ok := a.acting.add(context.WithoutCancel(r.Context()))
	if !ok {
		a.answer(w, r, refuse(http.StatusServiceUnavailable, "the process stops: no action any more"))
		return
	}
	defer end()
	done, refused := actions[action.Action](a, ctx, action, by)
	attrs := []any{
		slog.String("action", action.Action), slog.String("client", action.Client), slog.String("by", by), slog.String("remote", r.RemoteAddr),
	}
	if refused != nil {
		a.cfg.Logger.WarnContext(r.Context(), "penstock: admin action failed", append(attrs, slog.String("error", refused.text))...)
		a.answer(w, r, refused)
		return
	}
	a.cfg.Logger.InfoContext(r.Context(), "penstock: admin action", append(attrs, slog.String("done", done))...)
	a.changed()
	writeJSON(w, http.StatusOK, Result{Done: done})
}

// actionOf reads the action in the body.
func actionOf(w http.ResponseWriter, r *http.Request) (*Action, *refusal) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return nil, refuse(http.StatusBadRequest, "the body is %q: send application/json", kind)
	}
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestBody))
	in.DisallowUnknownFields()
	action := &Action{}
	err := in.Decode(action)
	if err == nil {
		if _, rest := in.Token(); rest != io.EOF {
			err = cmp.Or(rest, errors.New("there is more after the action"))
		}
	}
	if long, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes: send one action", long.Limit)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body is no action: %v; send {\"action\":\"breaker_reset\",\"client\":\"name\"}", err)
	}
	if actions[action.Action] == nil {
		names := make([]string, 0, len(actions))
		for name := range actions {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, refuse(http.StatusBadRequest, "no action %q: use one of %s", action.Action, strings.Join(names, ", "))
	}
	return action, nil
}

// on returns the client of an action.
func (a *Admin) on(action *Action) (*watched, *refusal) {
	w, err := a.clients.named(action.Client)
	if err != nil {
		return nil, refuse(http.StatusNotFound, "%v", err)
	}
	return w, nil
}

// onBreaker returns an action on the breaker of a client.
func onBreaker(done string, set func(*breaker.Breaker)) func(*Admin, context.Context, *Action, string) (string, *refusal) {
	return func(a *Admin, _ context.Context, action *Action, _ string) (string, *refusal) {
		w, refused := a.on(action)
		if refused != nil {
			return "", refused
		}
		b := w.client.Breaker()
		if b == nil {
			return "", refuse(http.StatusConflict, "client %q has no breaker: it was left out of the chain", w.id)
		}
		set(b)
		return fmt.Sprintf(done+": it is %s", w.id, b.State()), nil
	}
}

func (a *Admin) drain(ctx context.Context, action *Action, _ string) (string, *refusal) {
	w, refused := a.on(action)
	if refused != nil {
		return "", refused
	}
	within := time.Duration(action.Seconds * float64(time.Second))
	if action.Seconds < 0 || action.Seconds > drainMost.Seconds() {
		return "", refuse(http.StatusBadRequest, "seconds is %g, want 0 (the default, %g) to %g", action.Seconds, drainWithin.Seconds(), drainMost.Seconds())
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(within, drainWithin))
	defer cancel()
	a.clients.drain(w)
	if err := w.client.Close(ctx); err != nil {
		return "", refuse(http.StatusConflict, "client %q is closed, and not all ended in time: %v", w.id, err)
	}
	return fmt.Sprintf("drained %s: it is closed, until the process makes it anew", w.id), nil
}

func (a *Admin) resize(_ context.Context, action *Action, _ string) (string, *refusal) {
	w, refused := a.on(action)
	if refused != nil {
		return "", refused
	}
	if action.Size < 1 || action.Size > largestPool {
		return "", refuse(http.StatusBadRequest, "size is %d, want 1 to %d", action.Size, largestPool)
	}
	if err := w.client.Resize(action.Pool, action.Size); err != nil {
		return "", refuse(http.StatusConflict, "%v", err)
	}
	return fmt.Sprintf("resized the pool of %s to %d", w.id, action.Size), nil
}

func (a *Admin) reload(ctx context.Context, _ *Action, by string) (string, *refusal) {
	if a.cfg.Reload == nil {
		return "", refuse(http.StatusConflict, "nothing to reload from: set Config.Reload")
	}
	ctx, cancel := context.WithTimeout(ctx, reloadMost)
	defer cancel()
	var err error
	contain.Apart("Reload", func(p *contain.Panic) { err = p }, func() { err = a.cfg.Reload(ctx, by) })
	if err != nil {
		return "", refuse(http.StatusConflict, "the configuration stays as it was: %v", err)
	}
	return "reloaded the configuration", nil
}
