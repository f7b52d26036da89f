// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
)

// Site says where the API is. It is the factory of the pool.
type Site struct{ URL, Token string }

// Dial returns a client with TCP connections of its own. It asks for a sign of
// life, so that a wrong address or token ends the start of the program.
func (s Site) Dial(ctx context.Context) (*API, error) {
	api := &API{s, &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	return api, s.Ping(ctx, api)
}

// Close closes the TCP connections.
func (Site) Close(_ context.Context, api *API) error {
	api.http.CloseIdleConnections()
	return nil
}

// Ping asks the site for a sign of life.
func (Site) Ping(ctx context.Context, api *API) error {
	_, err := api.Get(ctx, "/healthz")
	return err
}
