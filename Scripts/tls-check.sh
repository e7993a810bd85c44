#!/bin/sh
# usage: tls-check.sh
# Shows what the TLS of .build/release/logsd accepts and refuses, by other people's programs: openssl s_client, sslyze (from
# PyPI, kept in .build/tls), and the reference client in Python. The certificates are made here. Ends with 1 at the first
# thing that is not as it should be.
set -eu

cd "$(dirname "$0")/.."
bin=$(pwd)/.build/release
tools=.build/tls
work=$(mktemp -d)
server=""
stop() {
  if [ -n "$server" ]; then
    kill "$server" && wait "$server" || true
  fi
  server=""
}
trap 'stop; rm -rf "$work"' EXIT

fail() {
  echo "tls-check: $1" >&2
  exit 1
}

elliptic="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
key=$elliptic

# authority NAME: NAME.pem and NAME.key.
authority() {
  # shellcheck disable=SC2086 # a list of words on purpose
  openssl req -x509 $key -keyout "$work/$1.key" -out "$work/$1.pem" -subj "/CN=$1" -days 2 2>/dev/null
}

# certificate NAME AUTHORITY NAMES DAYS [KEY]
certificate() {
  key=${5:-$key}
  # shellcheck disable=SC2086
  openssl req $key -keyout "$work/$1.key" -out "$work/$1.csr" -subj "/CN=$1" 2>/dev/null
  echo "subjectAltName=$3" >"$work/$1.ext"
  openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -CAcreateserial -out "$work/$1.pem" \
    -days "$4" -extfile "$work/$1.ext" 2>/dev/null
}

# start CERTIFICATE: sets $port, of the wire protocol, and $https.
start() {
  stop
  rm -rf "$work/data" "$work/ready"
  mkfifo "$work/ready"
  "$bin/logsd" --data "$work/data" --listen none --listen-tls 127.0.0.1:0 --listen-https 127.0.0.1:0 \
    --tls-cert "$work/$1.pem" --tls-key "$work/$1.key" >"$work/ready" 2>"$work/log" &
  server=$!
  {
    read -r _ first
    read -r _ second
  } <"$work/ready"
  port=${first##*:}
  https=${second##*:}
}

# handshake ALPN PORT ARGUMENT...: the first line that tells of a protocol, or nothing when there was no handshake.
handshake() {
  protocol=$1
  to=$2
  shift 2
  openssl s_client -connect "127.0.0.1:$to" -CAfile "$work/ca.pem" -alpn "$protocol" "$@" </dev/null 2>/dev/null |
    sed -n 's/^New, \(TLSv[0-9.]*\), Cipher is \(.*\)$/\1 \2/p'
}

authority ca
authority foreign
names=DNS:localhost,IP:127.0.0.1
certificate rsa ca "$names" 2 "-newkey rsa:2048 -nodes"
key=$elliptic
certificate good ca "$names" 2
certificate expired ca "$names" -1
certificate other ca DNS:other.example 2
certificate stranger foreign "$names" 2

[ -x "$tools/venv/bin/sslyze" ] || {
  /usr/bin/python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" -q install 'sslyze==6.*'
}

scans="--sslv2 --sslv3 --tlsv1 --tlsv1_1 --tlsv1_2 --tlsv1_3 --compression --heartbleed --openssl_ccs --robot --reneg \
  --fallback --ems --early_data"

# With both kinds of keys: each has ciphers of its own.
for kind in good rsa; do
  start "$kind"
  echo "openssl s_client, $(openssl x509 -in "$work/$kind.pem" -noout -text | sed -n 's/ *Public Key Algorithm: //p')"
  for door in "logs/1 $port" "http/1.1 $https"; do
    # shellcheck disable=SC2086 # two words on purpose
    for version in -tls1 -tls1_1; do
      [ -z "$(handshake $door $version -cipher 'ALL:@SECLEVEL=0')" ] || fail "$version is accepted"
    done
    # shellcheck disable=SC2086
    for version in -tls1_2 -tls1_3; do
      found=$(handshake $door $version -verify_return_error)
      case $found in
      TLSv1.[23]\ *GCM* | TLSv1.[23]\ *CHACHA20*) echo "  ${door% *}: $found" ;;
      *) fail "$version gives '$found' for $door" ;;
      esac
    done
  done
  refused=0
  for cipher in $(openssl ciphers 'ALL:COMPLEMENTOFALL:@SECLEVEL=0' | tr : '\n' | grep -v '^TLS_'); do
    case $cipher in
    ECDHE-*-GCM-* | ECDHE-*-CHACHA20-*) continue ;;
    esac
    [ -z "$(handshake logs/1 "$port" -tls1_2 -cipher "$cipher:@SECLEVEL=0")" ] || fail "the cipher $cipher is accepted"
    refused=$((refused + 1))
  done
  echo "  refused: TLS 1.0, TLS 1.1, and $refused ciphers without ECDHE and AEAD"
  for to in "$port" "$https"; do
    # shellcheck disable=SC2086
    "$tools/venv/bin/sslyze" $scans --mozilla_config=disable --json_out="$work/scan.json" "127.0.0.1:$to" \
      >"$work/scan.txt" 2>&1 || true
    [ -s "$work/scan.json" ] || fail "sslyze made no result: $(tail -5 "$work/scan.txt")"
    /usr/bin/python3 Scripts/tls_scan.py "$work/scan.json"
  done
done

# refusal CERTIFICATE WORDS: the command line does not connect, and says why.
refusal() {
  start "$1"
  code=0
  "$bin/logs" streams --server "logs+tls://127.0.0.1:$port" --ca-cert "$work/ca.pem" 2>"$work/why" || code=$?
  [ "$code" = 3 ] || fail "the certificate '$1': logs ends with $code"
  grep -q "$2" "$work/why" || fail "the certificate '$1': $(cat "$work/why")"
  echo "  $(cat "$work/why")"
}
echo "logs, with certificates that are wrong"
refusal expired 'expired at'
refusal other 'is for other.example, not for 127.0.0.1'
refusal stranger 'was issued by CN=foreign, which is not trusted here'

echo "the reference client"
start good
url=logs+tls://localhost:$port
printf 'one\ntwo\n' >"$work/lines"
LOGS_CA_CERT="$work/ca.pem" /usr/bin/python3 spec/reference/client.py append "$url" web "$work/lines" >"$work/appended"
LOGS_CA_CERT="$work/ca.pem" /usr/bin/python3 spec/reference/client.py follow "$url" web --until-head >"$work/followed"
cmp -s "$work/lines" "$work/followed" || fail "the reference client followed: $(cat "$work/followed")"
if LOGS_CA_CERT="$work/foreign.pem" /usr/bin/python3 spec/reference/client.py follow "$url" web --until-head \
  >/dev/null 2>&1; then fail "the reference client takes a certificate of another CA"; fi
echo "  appends and follows, and takes no certificate of another CA"
