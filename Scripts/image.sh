#!/bin/sh
# usage: image.sh
# Makes the image logs:VERSION, and logs:latest, of the release build: a user without rights, the two programs, and exactly
# the libraries that the loader finds for them here. Needs `docker build` (DOCKER_HOST says where).
set -eu

cd "$(dirname "$0")/.."
version=$(.build/release/logs version | sed -n 's/^logs \([0-9.]*\).*/\1/p')
context=.build/image
rm -rf "$context"
mkdir -p "$context/files/usr/bin" "$context/files/etc" "$context/data"
cp Packaging/image/Dockerfile "$context/"
for program in logs logsd; do strip -o "$context/files/usr/bin/$program" ".build/release/$program"; done
# Lines like `libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x...)`, and the loader, which has a path alone. Programs look
# for them under these very paths.
for library in $(ldd .build/release/logs .build/release/logsd | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' | sort -u); do
  mkdir -p "$context/files/$(dirname "$library")"
  cp -L "$library" "$context/files/$library"
done
printf 'logs:x:65532:65532:log server:/data:/sbin/nologin\n' >"$context/files/etc/passwd"
printf 'logs:x:65532:\n' >"$context/files/etc/group"
chmod -R u=rwX,go=rX "$context/files"
chmod 0750 "$context/data"
docker build -q -t "logs:$version" -t logs:latest "$context" >/dev/null
docker image inspect "logs:$version" --format '{{.RepoTags}} {{.Size}} bytes'
