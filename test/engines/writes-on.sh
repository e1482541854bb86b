#!/bin/sh
# Writes numbered lines as fast as it can. Beside it, in a session of its own, lives a child that has to run to hear a TERM.
# With a file as $1 it begins when that is there, and hears no TERM itself.
setsid sh -c 'sleep 1000 & trap "kill $!; exit" TERM; wait' >/dev/null 2>&1 &
if [ $# -gt 0 ]; then
  trap : TERM
  until [ -e "$1" ]; do sleep 0.05; done
fi
line=0
while :; do
  line=$((line + 1))
  echo "line $line"
done
