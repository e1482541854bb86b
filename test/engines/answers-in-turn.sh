#!/bin/sh
# A probe: the nth call ends with the nth of the codes that follow "$1", the file that counts the calls; after the last, with the last.
echo called >>"$1"
calls=$(wc -l <"$1")
shift
while [ $# -gt 1 ] && [ "$calls" -gt 1 ]; do
  shift
  calls=$((calls - 1))
done
exit "$1"
