// net/http, coder/websocket and grpc-go with their defaults at the gateway; counts and prints as the other scripts do.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var passed, failed int

func equal(name string, got, expected any) {
	if fmt.Sprint(got) == fmt.Sprint(expected) {
		passed++
		fmt.Println("ok", name)
		return
	}
	failed++
	fmt.Printf("FAIL %s: expected %v, got %v\n", name, expected, got)
}

type told struct{ Method, URL, Sha256 string }

func ask(client *http.Client, method, url string, body io.Reader, headers ...string) (int, string, *http.Response) {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return 0, err.Error(), nil
	}
	for at := 0; at+1 < len(headers); at += 2 {
		request.Header.Set(headers[at], headers[at+1])
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error(), answer
	}
	return answer.StatusCode, string(text), answer
}

func read(text string) (seen told) {
	_ = json.Unmarshal([]byte(text), &seen)
	return
}

func exchange(name string, client *http.Client, base string, major int) {
	body := make([]byte, 400_000)
	for at := range body {
		body[at] = byte(at)
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	code, _, answer := ask(client, "GET", base+"/a", nil)
	equal(name+" status", code, 200)
	if answer != nil {
		equal(name+" version", answer.ProtoMajor, major)
	}
	_, text, _ := ask(client, "PUT", base+"/a", bytes.NewReader(body))
	equal(name+" upload", read(text).Sha256, digest)
	for range 3 {
		// A reader that is not known to http has no length.
		_, text, _ = ask(client, "PUT", base+"/a", io.MultiReader(bytes.NewReader(body)))
		equal(name+" upload of unknown length", read(text).Sha256, digest)
	}
	_, text, _ = ask(client, "PUT", base+"/a", bytes.NewReader(body), "Expect", "100-continue")
	equal(name+" expect", read(text).Sha256, digest)
	_, text, _ = ask(client, "GET", base+"/compressed/text", nil)
	equal(name+" unpacked", len(text), 72_000)
	code, text, _ = ask(client, "GET", base+"/blob", nil, "Range", "bytes=10-19")
	equal(name+" range", []int{code, len(text)}, []int{206, 10})
	_, text, _ = ask(client, "POST", base+"/moved/a", strings.NewReader("x"))
	equal(name+" redirect with a body", read(text), told{"POST", "/new/moved/a", read(text).Sha256})
	code, _, _ = ask(client, "GET", base+"/keyed", nil, "x-api-key", "acme-secret")
	equal(name+" key", code, 200)
	code, _, _ = ask(client, "GET", base+"/keyed", nil)
	equal(name+" no key", code, 401)
	_, text, _ = ask(client, "GET", base+"/flaky/go-"+strings.ReplaceAll(name, " ", "-"), nil)
	equal(name+" retried", text, "3")
	var group sync.WaitGroup
	var wrong sync.Map
	for number := range 100 {
		group.Go(func() {
			path := fmt.Sprintf("/a?n=%d", number)
			if _, text, _ := ask(client, "GET", base+path, nil); read(text).URL != path {
				wrong.Store(number, text)
			}
		})
	}
	group.Wait()
	count := 0
	wrong.Range(func(any, any) bool { count++; return true })
	equal(name+" 100 at once", count, 0)
}

func sockets(name, url string, client *http.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"echo"}})
	if err != nil {
		equal(name, err, nil)
		return
	}
	equal(name+" protocol", socket.Subprotocol(), "echo")
	for _, sent := range [][]byte{[]byte("text"), bytes.Repeat([]byte{7}, 20_000), {}} {
		_ = socket.Write(ctx, websocket.MessageBinary, sent)
		_, got, err := socket.Read(ctx)
		equal(fmt.Sprintf("%s echo of %d bytes", name, len(sent)), err == nil && bytes.Equal(got, sent), true)
	}
	equal(name+" close", socket.Close(websocket.StatusNormalClosure, ""), nil)
}

func calls(name, address string, with credentials.TransportCredentials) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(with))
	if err != nil {
		equal(name, err, nil)
		return
	}
	defer connection.Close()
	health, err := grpc_health_v1.NewHealthClient(connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	equal(name+" health", []any{health.GetStatus(), err}, []any{grpc_health_v1.HealthCheckResponse_SERVING, nil})
	var trailers metadata.MD
	sent := wrapperspb.Bytes(bytes.Repeat([]byte{1, 0, 255}, 100_000))
	got := new(wrapperspb.BytesValue)
	err = connection.Invoke(ctx, "/echo.Echo/Unary", sent, got, grpc.Trailer(&trailers))
	equal(name+" unary", err == nil && bytes.Equal(got.Value, sent.Value), true)
	equal(name+" trailers", trailers.Get("x-trailer"), []string{"last"})
	failure := status.Convert(connection.Invoke(ctx, "/echo.Echo/Fail", sent, got))
	equal(name+" error", []any{failure.Code(), failure.Message()}, []any{codes.FailedPrecondition, "not today"})
	equal(name+" unknown method", status.Code(connection.Invoke(ctx, "/echo.Echo/None", sent, got)), codes.Unimplemented)
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/echo.Echo/Talk")
	if err != nil {
		equal(name+" talk", err, nil)
		return
	}
	turns := 0
	for turn := range 5 {
		message := wrapperspb.Bytes([]byte{byte(turn)})
		echo := new(wrapperspb.BytesValue)
		if stream.SendMsg(message) == nil && stream.RecvMsg(echo) == nil && bytes.Equal(echo.Value, message.Value) {
			turns++
		}
	}
	_ = stream.CloseSend()
	equal(name+" talk", []any{turns, stream.RecvMsg(got)}, []any{5, io.EOF})
	short, stop := context.WithTimeout(ctx, time.Nanosecond)
	defer stop()
	equal(name+" deadline", status.Code(connection.Invoke(short, "/echo.Echo/Unary", sent, got)), codes.DeadlineExceeded)
}

func main() {
	gateway, secure, folder := os.Getenv("GATEWAY"), os.Getenv("GATEWAY_TLS"), os.Getenv("CERTIFICATES")
	pem, err := os.ReadFile(folder + "/ca.pem")
	equal("authority", err, nil)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	machine, err := tls.LoadX509KeyPair(folder+"/machine.pem", folder+"/machine.key")
	equal("certificate", err, nil)
	// As the default transport, with the run's authority.
	transport := func(config *tls.Config) *http.Client {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = config
		return &http.Client{Transport: transport, Timeout: 30 * time.Second}
	}
	trusting := transport(&tls.Config{RootCAs: roots})
	exchange("http/1.1", &http.Client{Timeout: 30 * time.Second}, gateway, 1)
	exchange("h2", trusting, secure, 2)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	exchange("h2c", &http.Client{Transport: &http.Transport{Protocols: protocols}, Timeout: 30 * time.Second}, gateway, 2)
	code, _, _ := ask(trusting, "GET", secure+"/machines", nil)
	equal("no client certificate", code, 403)
	code, _, _ = ask(transport(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{machine}}), "GET", secure+"/machines", nil)
	equal("client certificate", code, 200)
	sockets("ws", strings.Replace(gateway, "http", "ws", 1)+"/ws", http.DefaultClient)
	sockets("wss", strings.Replace(secure, "http", "ws", 1)+"/ws", transport(&tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}))
	calls("grpc", strings.TrimPrefix(gateway, "http://"), insecure.NewCredentials())
	calls("grpc TLS", strings.TrimPrefix(secure, "https://"), credentials.NewTLS(&tls.Config{RootCAs: roots}))
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
