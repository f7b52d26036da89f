// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// newHTTP returns a client for servers on this machine, without the proxy of the
// environment. The end of the test closes its connections.
func newHTTP(t testing.TB) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// do sends req. It copies the answer to into if that is an io.Writer, and otherwise
// decodes the answer as JSON.
func do(client *http.Client, req *http.Request, into any) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() // only read
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 512)) // for the error; may be cut
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, res.Status, text)
	}
	if w, ok := into.(io.Writer); ok {
		_, err = io.Copy(w, res.Body)
		return err
	}
	d := json.NewDecoder(res.Body)
	d.UseNumber() // keeps the text of a tag's number
	return d.Decode(into)
}
