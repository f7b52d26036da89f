// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below the range that systems use for outgoing connections (32768 and up on Linux,
// 49152 and up elsewhere). A port of that range can be taken by anybody's connection while a killed server is
// down, and then the server cannot come back on it.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePorts returns n ports on which nobody listens at host ("" is every address). Each was listened on and
// closed again, so another process may take one before the server does: starting has to cope with that.
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

// local is the address of port on the loopback interface.
func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
