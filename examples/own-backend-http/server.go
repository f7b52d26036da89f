// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// library is an API for the demonstration. It has one book, which it gives to
// every second caller only.
type library struct{ asked atomic.Int64 }

func (l *library) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer secret":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/healthz":
		fmt.Fprint(w, "ok")
	case r.URL.Path != "/books/1":
		w.WriteHeader(http.StatusNotFound)
	case l.asked.Add(1)%2 == 1:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	default:
		fmt.Fprint(w, "The Sea, the Sea")
	}
}

// site starts the library and says where it is. Yours runs elsewhere.
func site() Site {
	return Site{URL: httptest.NewServer(&library{}).URL, Token: "secret"}
}
