// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// checkAddress tells fault of an address that others reach, unless there are tokens.
func checkAddress(address string, tokens bool, fault func(format string, args ...any)) {
	host, _, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		fault("Address %q is no host and port: write it as 127.0.0.1:6464", address)
	case !tokens && !isLoopback(host):
		fault("Address %q is reached from other machines: set Tokens, or listen on 127.0.0.1", address)
	}
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// refusal is an answer to a request that is not served.
type refusal struct {
	status int
	text   string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// foreign refuses a request that the page of a stranger may have sent with the browser of
// somebody who may look. Such a page knows no token, but the browser reaches addresses
// that the stranger does not.
func (a *Admin) foreign(r *http.Request) *refusal {
	if host := hostOf(r.Host); !a.known(host) {
		return refuse(http.StatusForbidden, "the host %q is not known: use an IP address or localhost, or add the host to Config.Hosts", host)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return refuse(http.StatusForbidden, "the origin %q is not that of this page: open the page at its own address", origin)
		}
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "", site == "same-origin", site == "none":
		return nil
	case r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && r.Method == http.MethodGet:
		return nil // a link to the page
	default:
		return refuse(http.StatusForbidden, "the request comes from another site: open the page at its own address")
	}
}

// known reports whether the page is reached by a host. A name that an attacker owns may
// lead to any address, an IP address only to itself.
func (a *Admin) known(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost") || slices.ContainsFunc(a.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// hostOf returns the host without its port.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// local reports whether a request comes from this machine, and was not passed on. The
// sidecar of a service mesh passes requests on from a loopback address to the address of
// the pod.
func local(r *http.Request) bool {
	for name := range r.Header {
		if name == "Forwarded" || name == "X-Real-Ip" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	if to, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && !isLoopback(hostOf(to.String())) {
		return false
	}
	return isLoopback(hostOf(r.RemoteAddr))
}

// reader refuses a request from another machine that has no token. A browser sends the
// token as the password of basic authentication, also with EventSource.
func (a *Admin) reader(r *http.Request) *refusal {
	if local(r) {
		return nil
	}
	if len(a.cfg.Tokens) == 0 {
		return refuse(http.StatusForbidden, "only this machine may look: set Config.Tokens to look from another one")
	}
	if _, secret, ok := r.BasicAuth(); ok {
		if _, ok := a.holder(secret); ok {
			return nil
		}
	}
	_, refused := a.bearer(r)
	return refused
}

// bearer returns who holds the token in the request's header.
func (a *Admin) bearer(r *http.Request) (by string, refused *refusal) {
	if len(a.cfg.Tokens) == 0 {
		return "", refuse(http.StatusForbidden, "actions are off: set Config.Tokens")
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if secret == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", refuse(http.StatusUnauthorized, "no token: send the header Authorization: Bearer TOKEN")
	}
	by, ok := a.holder(strings.TrimSpace(secret))
	if !ok {
		return "", refuse(http.StatusUnauthorized, "the token is not valid: use one of Config.Tokens")
	}
	return by, nil
}

// holder returns who holds a token. The time that it takes says nothing of the tokens.
func (a *Admin) holder(secret string) (by string, ok bool) {
	given := sha256.Sum256([]byte(secret))
	for _, t := range a.cfg.Tokens {
		want := sha256.Sum256([]byte(t.Secret))
		if subtle.ConstantTimeCompare(given[:], want[:]) == 1 {
			by, ok = t.By, true // the loop goes on
		}
	}
	return by, ok
}

// allowance bounds the records of refused tokens: a few in each interval.
type allowance struct {
	mu    sync.Mutex // guards what follows
	since time.Time
	taken int
	left  int
}

const (
	refusalsLogged = 5
	refusalsWithin = 10 * time.Second
)

// take reports whether there may be a record now, and how many were left out before.
func (a *allowance) take(now time.Time) (left int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.since) >= refusalsWithin {
		a.since, a.taken = now, 0
	}
	if a.taken == refusalsLogged {
		a.left++
		return 0, false
	}
	a.taken++
	left, a.left = a.left, 0
	return left, true
}
