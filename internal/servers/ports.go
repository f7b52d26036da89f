// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are below the range that systems use for outgoing connections (32768 and up
// on Linux, 49152 and up elsewhere). While a killed server is down, an outgoing
// connection could take a port of that range, and the server could not restart.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePorts returns n ports of host that are free; "" stands for every address. It
// listens on each port and closes it again, so another process may take a port
// before the server does.
func freePorts(host string, n int) ([]int, error) {
	ports := make([]int, 0, n)
	start := rand.IntN(lastPort - firstPort)
	for i := range lastPort - firstPort {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + (start+i)%(lastPort-firstPort)
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("close the listener on port %d: %w", port, err)
		}
		ports = append(ports, port)
	}
	return nil, errors.New("no free ports")
}

// local returns the address of port on the loopback interface.
func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
