// SPDX-License-Identifier: Apache-2.0

// Command browser serves the live page with invented figures, for looking at the page while it is
// changed: go run . -clients 50, then open the address that it prints. The token is "stub-token".
// Its tests drive the page in Chromium.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/penstock-go/penstock/internal/browser/stub"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	clients := flag.Int("clients", 50, "number of clients")
	flag.Parse()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("http://%s/\n", l.Addr())
	server := &http.Server{Handler: stub.New(*clients, nil, "docs", "milvus images", "prices"), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.Serve(l))
	os.Exit(1)
}
