#!/bin/sh
# Lives for $1 seconds, then ends with code $2, or by signal $2 when that is a name (KILL).
echo ready
[ "$1" = 0 ] || sleep "$1"
echo last words
case $2 in
  [0-9]*) exit "$2" ;;
  *) kill "-$2" $$ ;;
esac
