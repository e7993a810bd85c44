#!/bin/sh
# usage: man-pages.sh DIRECTORY
# Writes the man pages of both programs, made from what they say for help, into DIRECTORY.
set -eu
here=$(dirname "$0")/..
programs=$here/.build/release
version=$("$programs/logs" version | sed -n 's/^logs \([0-9.]*\).*/\1/p')
for file in $("$programs/logs" man --list); do
  page=${file%.?}
  page=${page#logs}
  "$programs/logs" man ${page#-} >"$1/$file"
done
# The help of the server, as it is on a screen.
{
  printf '.TH LOGSD 8 "" "logsd %s"\n.SH NAME\nlogsd \\- log streaming server\n.SH DESCRIPTION\n.nf\n' "$version"
  env -i "$programs/logsd" --help | sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\\&&/" -e 's/-/\\-/g'
} >"$1/logsd.8"
