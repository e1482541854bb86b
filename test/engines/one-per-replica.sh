#!/bin/sh
# Writes each start to $1/journal, and `double` when another process of this replica still runs: the lock goes with the last one that has it.
# With more words it lives for up to a second and ends by one of them, a code or a signal, which it writes there first; unless $1/calm is there.
exec 9>>"$1/$POOLD_POOL-$POOLD_REPLICA.lock"
who="$POOLD_POOL/$POOLD_REPLICA $POOLD_GENERATION $$"
flock -n 9 || echo "double $who" >>"$1/journal"
echo "start $who" >>"$1/journal"
dir=$1
shift
[ $# -gt 0 ] && [ ! -e "$dir/calm" ] || exec sleep 1000
shift $(((POOLD_GENERATION + POOLD_REPLICA) % $#))
sleep "0.$(((POOLD_GENERATION * 7 + POOLD_REPLICA * 3) % 9 + 1))"
echo "end $who $1" >>"$dir/journal"
echo "last words of generation $POOLD_GENERATION"
case $1 in
  [0-9]*) exit "$1" ;;
  *) kill "-$1" $$ ;;
esac
