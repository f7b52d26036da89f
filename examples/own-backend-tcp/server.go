// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"sync"
	"time"
)

// Server is a server of keys and values for the demonstration. It can be told to
// be busy, to cut a connection, and to restart.
type Server struct {
	User, Password string
	Address        string // once it has started

	mu       sync.Mutex // guards the fields below
	listener net.Listener
	conns    map[net.Conn]bool
	values   map[string]string
	busy     time.Duration // the next request but AUTH is refused
	cut      bool          // the next request but AUTH is done and not answered
}

// StartServer returns a server that listens on a port of its own. It ends the
// program if there is none.
func StartServer(user, password string) *Server {
	s := &Server{User: user, Password: password, Address: "127.0.0.1:0", values: map[string]string{}}
	if err := s.start(); err != nil {
		log.Fatal(err)
	}
	return s
}

func (s *Server) start() error {
	listener, err := net.Listen("tcp", s.Address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener, s.conns = listener, map[net.Conn]bool{}
	s.Address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(listener, conn)
		}
	}()
	return nil
}

// Close ends the server: it closes the listener and every connection.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.listener.Close()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// Restart ends the server and starts it again on the same port. It remembers the
// values.
func (s *Server) Restart() error {
	s.Close()
	return s.start()
}

// Busy makes the server refuse the next request for so long.
func (s *Server) Busy(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = after
}

// Cut makes the server do what the next request says, and then close the
// connection instead of answering.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
}

func (s *Server) serve(listener net.Listener, conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	if s.listener != listener { // it has restarted meanwhile
		s.mu.Unlock()
		return
	}
	s.conns[conn] = true
	s.mu.Unlock()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		answer := s.answer(lines.Text())
		if answer == "" {
			return
		}
		if _, err := fmt.Fprintln(conn, answer); err != nil || answer == "DENIED" {
			return
		}
	}
}

// answer does what a request says, and returns the answer; "" is none.
func (s *Server) answer(request string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first, second string
	if n, _ := fmt.Sscanf(request, "AUTH %q %q", &first, &second); n == 2 {
		if first != s.User || second != s.Password {
			return "DENIED"
		}
		return "OK"
	}
	busy, cut := s.busy, s.cut
	s.busy, s.cut = 0, false
	if busy > 0 {
		return fmt.Sprintf("BUSY %d", busy.Milliseconds())
	}
	answer := "OK" // to PING
	if n, _ := fmt.Sscanf(request, "SET %q %q", &first, &second); n == 2 {
		s.values[first] = second
	} else if n, _ := fmt.Sscanf(request, "GET %q", &first); n == 1 {
		value, ok := s.values[first]
		if answer = "NOTFOUND"; ok {
			answer = fmt.Sprintf("VALUE %q", value)
		}
	}
	if cut {
		return ""
	}
	return answer
}
