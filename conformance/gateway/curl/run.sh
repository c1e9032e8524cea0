#!/bin/sh
# curl with its defaults at the gateway: versions, TLS, uploads, ranges, redirects, compression, keys and limits. GATEWAY, GATEWAY_TLS and CERTIFICATES
# come from run.js.
set -u
passed=0 failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
check() { # NAME EXPECTED GOT
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok $1"
    else failed=$((failed + 1)); echo "FAIL $1: expected $2, got $3"; fi
}
status() { curl -s -o "$folder/body" -w '%{http_code}' "$@"; }
version() { curl -s -o /dev/null -w '%{http_version} %{http_code}' "$@"; }
tls="--cacert $CERTIFICATES/ca.pem"

check "HTTP/1.0" 200 "$(status -0 "$GATEWAY/x")"
check "HTTP/1.1" "1.1 200" "$(version "$GATEWAY/x")"
check "HTTP/2 by prior knowledge" "2 200" "$(version --http2-prior-knowledge "$GATEWAY/x")"
check "HTTP/2 is chosen with TLS" "2 200" "$(version $tls "$GATEWAY_TLS/x")"
check "HTTP/1.1 with TLS" "1.1 200" "$(version $tls --http1.1 "$GATEWAY_TLS/x")"
check "TLS 1.2" "2 200" "$(version $tls --tls-max 1.2 "$GATEWAY_TLS/x")"
check "an offer to upgrade to h2c is passed over" "1.1 200" "$(version --http2 "$GATEWAY/x")"
curl -s -o /dev/null "$GATEWAY_TLS/x"; check "a certificate of nobody is refused by curl" 60 $?
check "no client certificate" 403 "$(status $tls "$GATEWAY_TLS/machines")"
check "a client certificate" 200 "$(status $tls --cert "$CERTIFICATES/machine.pem" --key "$CERTIFICATES/machine.key" "$GATEWAY_TLS/machines")"
for protocol in --http1.1 --http2-prior-knowledge; do
    curl -s $protocol "$GATEWAY/blob" -o "$folder/whole"
    check "$protocol download" 300000 "$(wc -c <"$folder/whole")"
    sum=$(sha256sum <"$folder/whole" | cut -d' ' -f1)
    check "$protocol upload" "$sum" "$(curl -s $protocol -T "$folder/whole" "$GATEWAY/upload" | sed 's/.*"sha256":"\([^"]*\)".*/\1/')"
    check "$protocol chunked upload" "$sum" "$(curl -s $protocol -T - "$GATEWAY/upload" <"$folder/whole" | sed 's/.*"sha256":"\([^"]*\)".*/\1/')"
    check "$protocol expect" "$sum" "$(curl -s $protocol -H 'Expect: 100-continue' --data-binary "@$folder/whole" "$GATEWAY/upload" | sed 's/.*"sha256":"\([^"]*\)".*/\1/')"
    check "$protocol form with a file" 200 "$(status $protocol -F "file=@$folder/whole" "$GATEWAY/form")"
    check "$protocol range" 206 "$(status $protocol -r 100-299 "$GATEWAY/blob")"
    check "$protocol its bytes" "$(tail -c +101 "$folder/whole" | head -c 200 | sha256sum)" "$(sha256sum <"$folder/body")"
    check "$protocol head" 200 "$(curl -s $protocol -I -o /dev/null -w '%{http_code}' "$GATEWAY/blob")"
    check "$protocol chunks" 20 "$(curl -s $protocol "$GATEWAY/chunks" | wc -l)"
    check "$protocol redirect" 308 "$(status $protocol "$GATEWAY/moved/a")"
    # curl 7.88 sends no second request by prior knowledge, to any server.
    case "$protocol $(curl --version | head -n 1)" in
    "--http2-prior-knowledge curl 7.88."*) ;;
    *) check "$protocol redirect followed" "/new/moved/a" "$(curl -s $protocol -L "$GATEWAY/moved/a" | sed 's/.*"url":"\([^"]*\)".*/\1/')" ;;
    esac
    check "$protocol rewrite" "/new/a?b=c" "$(curl -s $protocol "$GATEWAY/old/a?b=c" | sed 's/.*"url":"\([^"]*\)".*/\1/')"
    check "$protocol body above the limit" 413 "$(status $protocol --data-binary "@$folder/whole" "$GATEWAY/small")"
    check "$protocol no key" 401 "$(status $protocol "$GATEWAY/keyed")"
    check "$protocol key" 200 "$(status $protocol -H 'x-api-key: acme-secret' "$GATEWAY/keyed")"
    check "$protocol retried until it answers" "200 3" "$(curl -s $protocol -w '%{http_code} ' -o "$folder/body" "$GATEWAY/flaky/$protocol"; cat "$folder/body")"
    for status in 204 304 404 500; do
        check "$protocol status $status" $status "$(status $protocol "$GATEWAY/status/$status")"
    done
done
for coding in gzip br zstd; do
    check "$coding" "$coding" "$(curl -s -o /dev/null -D - -H "accept-encoding: $coding" "$GATEWAY/compressed/text" | tr -d '\r' | sed -n 's/^content-encoding: //Ip')"
done
check "compressed and unpacked" 72000 "$(curl -s --compressed "$GATEWAY/compressed/text" | wc -c)"
for turn in 1 2 3; do check "within the limit" 200 "$(status -H 'x-api-key: acme-secret' "$GATEWAY/limited")"; done
check "above the limit" 429 "$(status -H 'x-api-key: acme-secret' "$GATEWAY/limited")"
check "it says when to come again" 1 "$(curl -s -o /dev/null -D - -H 'x-api-key: acme-secret' "$GATEWAY/limited" | grep -ic '^retry-after:')"
check "two requests on one connection" "0 200 200" "$(curl -s -o /dev/null -o /dev/null -w '%{num_connects} %{http_code}\n' "$GATEWAY/a" "$GATEWAY/b" | awk '{ connects = $1; codes = codes " " $2 } END { print connects codes }')"
check "WebSocket handshake" 101 "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$GATEWAY/ws")"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
