#!/bin/sh
# The HTTP cache tests through other caches, as their distribution packages them, each with the least that makes it a cache: `peers.sh PACKAGE_FOLDER`.
# Needs nginx, varnishd, squid, traffic_server; one that is missing is skipped. Prints the passes of each,
# and what at least one of them passes.
set -eu
package=$1
here=$(cd "$(dirname "$0")" && pwd)
room=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$room"' EXIT
port() { node -e "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})"; }

listens() {
  tries=0
  until node -e "require('net').connect($1,'127.0.0.1').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))"; do
    tries=$((tries + 1)); [ $tries -lt 150 ] || { echo "nothing listens on $1"; return 1; }
    sleep 0.1
  done
}

# judge NAME VERSION: runs the suite through what listens on $door.
judge() {
  listens "$door" || { cat "$room/$1.out"; return 0; }
  echo "== $1 $2"
  EXPECTED= "$here/run.sh" "$package" "http://127.0.0.1:$door" "$origin" "$room/$1.json" | grep -E '^(required|optimal|check):' || true
  kill $server 2>/dev/null || true
  wait $server 2>/dev/null || true
}

if command -v nginx >/dev/null; then
  door=$(port) origin=$(port)
  mkdir -p "$room/nginx/temp" "$room/nginx/store"
  cat > "$room/nginx/conf" <<END
user root; daemon off; worker_processes 1; pid $room/nginx/pid; error_log $room/nginx/error;
events {}
http {
  access_log off;
  client_body_temp_path $room/nginx/temp; proxy_temp_path $room/nginx/temp;
  fastcgi_temp_path $room/nginx/temp; uwsgi_temp_path $room/nginx/temp; scgi_temp_path $room/nginx/temp;
  proxy_cache_path $room/nginx/store keys_zone=store:10m;
  server {
    listen 127.0.0.1:$door;
    location / {
      proxy_pass http://127.0.0.1:$origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host \$http_host;
      proxy_cache store; proxy_cache_revalidate on; proxy_cache_use_stale error timeout updating;
    }
  }
}
END
  nginx -c "$room/nginx/conf" -p "$room/nginx" > "$room/nginx.out" 2>&1 & server=$!
  judge nginx "$(nginx -v 2>&1 | sed 's/.*\///')"
fi

if command -v varnishd >/dev/null; then
  door=$(port) origin=$(port)
  mkdir -p "$room/varnish"
  varnishd -F -a "127.0.0.1:$door" -b "127.0.0.1:$origin" -n "$room/varnish" -s malloc,64m > "$room/varnish.out" 2>&1 & server=$!
  judge varnish "$(varnishd -V 2>&1 | sed -n 's/.*varnish-\([0-9.]*\).*/\1/p' | head -1)"
fi

if command -v squid >/dev/null; then
  door=$(port) origin=$(port)
  mkdir -p "$room/squid"
  chmod 777 "$room" "$room/squid"
  cat > "$room/squid/conf" <<END
http_port 127.0.0.1:$door accel defaultsite=127.0.0.1:$door no-vhost
cache_peer 127.0.0.1 parent $origin 0 no-query originserver name=origin
http_access allow all
cache_mem 64 MB
pid_filename $room/squid/pid
access_log none
cache_log $room/squid/log
coredump_dir $room/squid
shutdown_lifetime 1 seconds
END
  squid -N -f "$room/squid/conf" > "$room/squid.out" 2>&1 & server=$!
  judge squid "$(squid -v | sed -n 's/.*Version \([0-9.]*\).*/\1/p')"
fi

if command -v traffic_server >/dev/null; then
  door=$(port) origin=$(port)
  home=$room/trafficserver
  mkdir -p "$home/etc" "$home/cache" "$home/log" "$home/run" "$home/state"
  cat > "$home/runroot.yaml" <<END
prefix: /usr
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
sysconfdir: $home/etc
datadir: $home/cache
cachedir: $home/cache
logdir: $home/log
runtimedir: $home/run
localstatedir: $home/state
END
  cat > "$home/etc/records.config" <<END
CONFIG proxy.config.http.server_ports STRING $door:ip-in=[127.0.0.1]
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.cache.ram_cache.size INT 67108864
CONFIG proxy.config.admin.user_id STRING trafficserver
END
  echo "map / http://127.0.0.1:$origin/" > "$home/etc/remap.config"
  echo "$home/cache 128M" > "$home/etc/storage.config"
  printf 'ip_allow:\n  - apply: in\n    ip_addrs: 127.0.0.1\n    action: allow\n    methods: ALL\n' > "$home/etc/ip_allow.yaml"
  # Its user, which Debian's package makes, must be able to go there.
  chmod -R a+rwX "$room"
  TS_RUNROOT=$home/runroot.yaml traffic_server > "$room/trafficserver.out" 2>&1 & server=$!
  judge trafficserver "$(traffic_server --version 2>&1 | sed -n 's/.*Traffic Server \([0-9.]*\).*/\1/p' | head -1)"
fi

if ls "$room"/*.json >/dev/null 2>&1; then
  echo "== in at least one of them"
  node --no-warnings "$here/together.mjs" "$package" "$room"/*.json
fi
